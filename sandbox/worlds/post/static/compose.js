// People are suggested as one types; what is written is kept as a draft a moment after each change.
const form = document.getElementById('compose'), kept = document.getElementById('kept');
let due;
const keep = async () => {
  const body = new URLSearchParams(new FormData(form));
  await fetch('/draft', { method: 'POST', body, keepalive: true });
  kept.textContent = 'Draft saved';
};
form.addEventListener('input', () => { clearTimeout(due); due = setTimeout(keep, 80); });
const to = document.getElementById('to'), list = document.getElementById('people');
if (list) {
  let asked = 0;
  const close = () => { list.hidden = true; to.setAttribute('aria-expanded', 'false'); };
  to.addEventListener('input', async () => {
    const mine = ++asked;
    if (to.value.trim().length < 2) return close();
    const found = await (await fetch('/api/contacts?q=' + encodeURIComponent(to.value.trim()))).json();
    if (mine !== asked) return;
    list.replaceChildren(...found.map((person) => {
      const option = document.createElement('li');
      option.setAttribute('role', 'option');
      option.textContent = `${person.name}, ${person.org}`;
      option.addEventListener('mousedown', (event) => { event.preventDefault(); to.value = person.name; close(); keep(); });
      return option;
    }));
    list.hidden = !found.length;
    to.setAttribute('aria-expanded', String(!list.hidden));
  });
  to.addEventListener('blur', close);
}
