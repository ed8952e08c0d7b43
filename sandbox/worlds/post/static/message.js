// The menu of folders, and a word about a file that is being saved.
const mover = document.getElementById('mover'), targets = document.getElementById('targets');
const open = (yes) => { targets.hidden = !yes; mover.setAttribute('aria-expanded', String(yes)); };
mover.addEventListener('click', () => { open(targets.hidden); if (!targets.hidden) targets.querySelector('button').focus(); });
targets.addEventListener('keydown', (event) => {
  const items = [...targets.querySelectorAll('button')], at = items.indexOf(document.activeElement);
  if (event.key === 'ArrowDown') { items[(at + 1) % items.length].focus(); event.preventDefault(); }
  if (event.key === 'ArrowUp') { items[(at + items.length - 1) % items.length].focus(); event.preventDefault(); }
  if (event.key === 'Escape') { open(false); mover.focus(); }
});
document.addEventListener('click', (event) => { if (!event.target.closest('.popup')) open(false); });
const said = document.getElementById('said');
for (const link of document.querySelectorAll('a[data-file]')) link.addEventListener('click', () => { said.textContent = `Downloading ${link.dataset.file} to your computer`; });
