// The cookie bar, lists that open under a button, sliders beside figures, and the heart on a card.
for (const button of document.querySelectorAll('[data-crumbs]')) {
  button.addEventListener('click', () => {
    document.cookie = 'crumbs=' + button.dataset.crumbs + '; path=/';
    document.querySelector('.crumbs').remove();
  });
}

for (const box of document.querySelectorAll('.pick')) {
  const button = box.querySelector('button'), list = box.querySelector('[role=listbox]');
  const field = box.querySelector('input'), shown = box.querySelector('.shown');
  const options = [...list.querySelectorAll('[role=option]')];
  let at = Math.max(0, options.findIndex((option) => option.getAttribute('aria-selected') === 'true'));
  const mark = () => {
    options.forEach((option, index) => option.classList.toggle('here', index === at));
    list.setAttribute('aria-activedescendant', options[at].id);
  };
  const open = (yes) => {
    list.hidden = !yes;
    button.setAttribute('aria-expanded', String(yes));
    if (yes) { mark(); list.focus(); }
  };
  const take = (index) => {
    at = index;
    options.forEach((option, place) => option.setAttribute('aria-selected', String(place === index)));
    field.value = options[index].dataset.value;
    shown.textContent = options[index].textContent.trim();
    open(false);
    button.focus();
  };
  button.addEventListener('click', () => open(list.hidden));
  options.forEach((option, index) => option.addEventListener('click', () => take(index)));
  list.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { at = (at + step + options.length) % options.length; mark(); event.preventDefault(); }
    if (event.key === 'Enter' || event.key === ' ') { take(at); event.preventDefault(); }
    if (event.key === 'Escape') { open(false); button.focus(); }
  });
  document.addEventListener('click', (event) => { if (!box.contains(event.target)) open(false); });
}

for (const pair of document.querySelectorAll('.slide')) {
  const range = pair.querySelector('[type=range]'), figure = pair.querySelector('[type=number]');
  const rest = range.dataset.rest;
  range.addEventListener('input', () => { figure.value = range.value === rest ? '' : range.value; });
  figure.addEventListener('input', () => { range.value = figure.value === '' ? rest : figure.value; });
}

const toast = document.querySelector('.toast');
const say = (words) => {
  toast.textContent = words;
  toast.hidden = false;
};
for (const form of document.querySelectorAll('form.heart')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button'), keep = form.querySelector('[name=keep]');
    await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
    const saved = keep.value === 'yes';
    keep.value = saved ? 'no' : 'yes';
    button.setAttribute('aria-pressed', String(saved));
    const count = document.querySelector('.mine b');
    count.textContent = String(Number(count.textContent) + (saved ? 1 : -1));
    say(saved ? `${form.dataset.address} is on your shortlist.` : `${form.dataset.address} is off your shortlist.`);
  });
}

for (const tabs of document.querySelectorAll('[role=tablist]')) {
  const all = [...tabs.querySelectorAll('[role=tab]')];
  const choose = (tab) => all.forEach((other) => {
    other.setAttribute('aria-selected', String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    document.getElementById(other.getAttribute('aria-controls')).hidden = other !== tab;
  });
  all.forEach((tab, index) => {
    tab.addEventListener('click', () => choose(tab));
    tab.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { const next = all[(index + step + all.length) % all.length]; choose(next); next.focus(); }
    });
  });
}
