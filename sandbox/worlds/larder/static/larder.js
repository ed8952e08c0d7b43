// Steppers, and adding to the basket without leaving the shelf.
for (const step of document.querySelectorAll('.put .step')) {
  const field = step.querySelector('input');
  const turn = (by) => { field.value = Math.min(99, Math.max(1, Number(field.value || 1) + by)); };
  step.querySelector('.less').addEventListener('click', () => turn(-1));
  step.querySelector('.plus').addEventListener('click', () => turn(1));
}
const toast = document.getElementById('toast');
let going = 0;
for (const form of document.querySelectorAll('form.put')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const field = form.querySelector('[name=quantity]'), many = Math.min(99, Math.max(1, Math.trunc(Number(field.value)) || 1));
    await fetch('/basket', { method: 'POST', body: new URLSearchParams(new FormData(form)), redirect: 'manual' });
    const [tally] = await (await fetch('/api/basket')).json();
    document.getElementById('count').textContent = tally.items;
    document.getElementById('goods').textContent = tally.goods;
    toast.textContent = `${many} × ${form.dataset.label} added to your basket`;
    toast.className = 'up';
    clearTimeout(going);
    going = setTimeout(() => { toast.className = ''; }, 6000);
    field.value = 1;
  });
}
