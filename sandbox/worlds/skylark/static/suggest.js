// Suggestions under a field: asked for as one types, taken with a click or with arrow and Enter.
for (const box of document.querySelectorAll('.suggest')) {
  const input = box.querySelector('input'), list = box.querySelector('ul');
  let asked = 0;
  const close = () => { list.hidden = true; input.setAttribute('aria-expanded', 'false'); };
  const take = (option) => { input.value = option.dataset.value; close(); };
  input.addEventListener('input', async () => {
    const mine = ++asked;
    if (input.value.trim().length < 2) return close();
    const found = await (await fetch('/api/airports?q=' + encodeURIComponent(input.value.trim()))).json();
    if (mine !== asked) return;
    list.replaceChildren(...found.map((airport) => {
      const option = document.createElement('li');
      option.setAttribute('role', 'option');
      option.textContent = `${airport.city} (${airport.code}), ${airport.name}`;
      option.dataset.value = airport.city;
      option.addEventListener('mousedown', (event) => { event.preventDefault(); take(option); });
      return option;
    }));
    list.hidden = !found.length;
    input.setAttribute('aria-expanded', String(!list.hidden));
  });
  input.addEventListener('blur', close);
}
