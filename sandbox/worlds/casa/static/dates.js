// Two months of days under two buttons: first the check-in, then the check-out.
(() => {
  const NAMES = {
    en: ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'],
    de: ['Januar', 'Februar', 'März', 'April', 'Mai', 'Juni', 'Juli', 'August', 'September', 'Oktober', 'November', 'Dezember'],
  };
  const DAYS = { en: ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'], de: ['Mo', 'Di', 'Mi', 'Do', 'Fr', 'Sa', 'So'] };
  const WORDS = {
    en: { title: 'Choose your dates', next: 'Next month', previous: 'Previous month', close: 'Close calendar', arrival: 'Choose a check-in day', departure: 'Choose a check-out day' },
    de: { title: 'Termine wählen', next: 'Nächster Monat', previous: 'Voriger Monat', close: 'Kalender schließen', arrival: 'Anreisetag wählen', departure: 'Abreisetag wählen' },
  };
  const iso = (date) => date.toISOString().slice(0, 10);
  const date = (text) => new Date(text + 'T00:00:00Z');
  const make = (tag, attributes = {}, text = '') => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    return element;
  };

  for (const box of document.querySelectorAll('.dates')) {
    const lang = box.dataset.lang, words = WORDS[lang], today = box.dataset.today;
    const fields = { arrival: box.querySelector('[name=arrival]'), departure: box.querySelector('[name=departure]') };
    const buttons = { arrival: box.querySelector('[data-pick=arrival]'), departure: box.querySelector('[data-pick=departure]') };
    const named = (text) => { const d = date(text); return `${d.getUTCDate()}${lang === 'de' ? '.' : ''} ${NAMES[lang][d.getUTCMonth()]} ${d.getUTCFullYear()}`; };
    let picking = 'arrival', panel = null, first = (fields.arrival.value || today).slice(0, 8) + '01';

    const show = () => {
      for (const which of ['arrival', 'departure']) {
        buttons[which].querySelector('.val').textContent = fields[which].value ? named(fields[which].value) : box.dataset.empty;
        buttons[which].setAttribute('aria-expanded', String(!!panel && picking === which));
      }
    };
    const close = (focus) => {
      if (!panel) return;
      panel.remove(); panel = null; show();
      if (focus) buttons[picking].focus();
    };
    const pick = (day) => {
      if (picking === 'departure' && fields.arrival.value && day > fields.arrival.value) {
        fields.departure.value = day;
        close(true);
        return;
      }
      fields.arrival.value = day;
      if (fields.departure.value <= day) fields.departure.value = '';
      picking = 'departure';
      draw(day);
    };
    const month = (begin) => {
      const d = date(begin), year = d.getUTCFullYear(), number = d.getUTCMonth();
      const table = make('table', { role: 'grid', 'aria-label': `${NAMES[lang][number]} ${year}` });
      table.append(make('caption', {}, `${NAMES[lang][number]} ${year}`));
      const head = make('tr');
      head.append(...DAYS[lang].map((name) => make('th', { scope: 'col' }, name)));
      const body = make('tbody');
      table.append(make('thead'), body);
      table.tHead.append(head);
      let row = make('tr');
      for (let blank = (d.getUTCDay() + 6) % 7; blank > 0; blank--) row.append(make('td'));
      for (let day = new Date(d); day.getUTCMonth() === number; day.setUTCDate(day.getUTCDate() + 1)) {
        const text = iso(day), cell = make('td', { role: 'gridcell' });
        const button = make('button', { type: 'button', 'aria-label': named(text), 'data-day': text }, String(day.getUTCDate()));
        button.disabled = text < today || (picking === 'departure' && fields.arrival.value && text <= fields.arrival.value && text !== fields.arrival.value);
        const chosen = text === fields.arrival.value || text === fields.departure.value;
        button.setAttribute('aria-pressed', String(chosen));
        if (fields.arrival.value && fields.departure.value && text > fields.arrival.value && text < fields.departure.value) button.className = 'between';
        cell.append(button);
        row.append(cell);
        if (row.children.length === 7) { body.append(row); row = make('tr'); }
      }
      if (row.children.length) body.append(row);
      return table;
    };
    const moved = (months) => { const d = date(first); d.setUTCMonth(d.getUTCMonth() + months); return iso(d); };
    const draw = (focus) => {
      if (panel) panel.remove();
      panel = make('div', { class: 'calendar', role: 'dialog', 'aria-label': words.title });
      const bar = make('div', { class: 'turn' });
      const previous = make('button', { type: 'button', 'aria-label': words.previous }, '‹'), next = make('button', { type: 'button', 'aria-label': words.next }, '›'), end = make('button', { type: 'button', 'aria-label': words.close }, '×');
      previous.disabled = first <= today.slice(0, 8) + '01';
      previous.addEventListener('click', () => { first = moved(-1); draw(); });
      next.addEventListener('click', () => { first = moved(1); draw(); });
      end.addEventListener('click', () => close(true));
      bar.append(previous, make('p', { 'aria-live': 'polite' }, words[picking]), next, end);
      const months = make('div', { class: 'months' });
      months.append(month(first), month(moved(1)));
      panel.append(bar, months);
      box.append(panel);
      show();
      const wanted = focus && panel.querySelector(`[data-day="${focus}"]`);
      if (wanted) wanted.focus();
    };
    for (const which of ['arrival', 'departure']) {
      buttons[which].addEventListener('click', () => {
        if (panel && picking === which) { close(false); return; }
        picking = which;
        first = (fields[which].value || fields.arrival.value || today).slice(0, 8) + '01';
        draw();
      });
    }
    box.addEventListener('click', (event) => { const day = event.target.closest('[data-day]'); if (day && !day.disabled) pick(day.dataset.day); });
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') { close(true); return; }
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key], at = event.target.dataset && event.target.dataset.day;
      if (!step || !at) return;
      event.preventDefault();
      const d = date(at);
      d.setUTCDate(d.getUTCDate() + step);
      const goal = panel.querySelector(`[data-day="${iso(d)}"]`);
      if (goal && !goal.disabled) goal.focus();
    });
    document.addEventListener('mousedown', (event) => { if (panel && !box.contains(event.target)) close(false); });
  }
})();
