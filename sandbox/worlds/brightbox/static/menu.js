// The menu of kinds opens by pointing, by focus and by click; Escape and leaving close it.
const menu = document.querySelector('.menu');
const button = menu.querySelector('button');
let pinned = false;
const show = (open) => { menu.classList.toggle('open', open); button.setAttribute('aria-expanded', String(open)); if (!open) pinned = false; };
menu.addEventListener('mouseenter', () => show(true));
menu.addEventListener('mouseleave', () => { if (!pinned) show(false); });
menu.addEventListener('focusin', () => show(true));
menu.addEventListener('focusout', (event) => { if (!menu.contains(event.relatedTarget)) show(false); });
button.addEventListener('click', () => { if (pinned) show(false); else { show(true); pinned = true; } });
menu.addEventListener('keydown', (event) => { if (event.key === 'Escape') { show(false); button.focus(); show(false); } });
