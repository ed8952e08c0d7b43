// Tabs, and the start times of the chosen day.
for (const list of document.querySelectorAll('[role=tablist]')) {
  const tabs = [...list.querySelectorAll('[role=tab]')];
  const open = (tab) => {
    for (const other of tabs) {
      const is = other === tab;
      other.setAttribute('aria-selected', String(is));
      other.tabIndex = is ? 0 : -1;
      document.getElementById(other.getAttribute('aria-controls')).hidden = !is;
    }
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener('click', () => open(tab));
    tab.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(at + step + tabs.length) % tabs.length];
      open(next);
      next.focus();
    });
  });
}
for (const form of document.querySelectorAll('form[data-times]')) {
  const slots = form.querySelector('.slots'), day = form.elements.day;
  let asked = 0;
  const hint = (text) => { const p = document.createElement('p'); p.className = 'hint'; p.textContent = text; slots.replaceChildren(p); };
  const load = async () => {
    const mine = ++asked;
    if (!day.value) return hint('Choose a day first.');
    hint('Looking …');
    const times = await (await fetch(`${form.dataset.times}?day=${day.value}`)).json();
    if (mine !== asked) return;
    slots.replaceChildren(...times.map((time) => {
      const label = document.createElement('label'), input = document.createElement('input'), clock = document.createElement('b'), left = document.createElement('span');
      Object.assign(input, { type: 'radio', name: 'session', value: time.id, disabled: time.places === 0 });
      clock.textContent = time.starts;
      left.textContent = time.places === 0 ? 'is fully booked' : `${time.places} ${time.places === 1 ? 'place' : 'places'} left`;
      label.append(input, clock, ' ', left);
      if (time.places === 0) label.className = 'full';
      const line = document.createElement('div');
      line.append(label);
      return line;
    }));
  };
  day.addEventListener('change', load);
  if (day.value) load();
}
