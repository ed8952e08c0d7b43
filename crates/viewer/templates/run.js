'use strict';
// Filters and sorts the table of tasks; without it the page still shows everything.
(() => {
  const table = document.getElementById('tasks');
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const search = document.getElementById('search');
  const strategy = document.getElementById('strategy');
  const site = document.getElementById('site');
  const verdicts = document.getElementById('verdicts');
  let verdict = '';

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = (!verdict || row.dataset.verdict === verdict || verdict === 'disputed' && 'disputed' in row.dataset)
        && (!strategy.value || row.dataset.strategy === strategy.value)
        && (!site.value || row.dataset.site === site.value)
        && words.every((word) => row.dataset.search.includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    document.getElementById('shown').textContent = shown === rows.length ? String(shown) : shown + ' of ' + rows.length;
  }
  search.addEventListener('input', filter);
  strategy.addEventListener('change', filter);
  site.addEventListener('change', filter);
  verdicts.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    verdict = button.dataset.verdict;
    for (const other of verdicts.children) other.classList.toggle('on', other === button);
    filter();
  });

  const headers = Array.from(table.tHead.rows[0].cells);
  headers.forEach((header, column) => {
    if (!header.dataset.sort) return;
    header.tabIndex = 0;
    const sort = () => {
      const down = header.getAttribute('aria-sort') === 'ascending';
      headers.forEach((other) => other.removeAttribute('aria-sort'));
      header.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const sign = down ? -1 : 1;
      const value = (row) => {
        const cell = row.cells[column];
        return header.dataset.sort === 'number' ? Number(cell.dataset.value) : cell.textContent.trim();
      };
      const compare = (a, b) => (typeof a === 'number' ? a - b : a.localeCompare(b));
      rows.sort((a, b) => sign * compare(value(a), value(b)));
      body.append(...rows);
    };
    header.addEventListener('click', sort);
    header.addEventListener('keydown', (event) => { if (event.key === 'Enter') sort(); });
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== search) { event.preventDefault(); search.focus(); }
  });
})();
