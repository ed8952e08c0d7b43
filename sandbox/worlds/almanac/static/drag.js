// An event dragged to another day is moved; where guests would be told, the page that says so comes first.
let held = null;
for (const event of document.querySelectorAll('.ev')) {
  event.addEventListener('dragstart', (e) => { held = event; e.dataTransfer.effectAllowed = 'move'; e.dataTransfer.setData('text/plain', event.dataset.id); });
  event.addEventListener('dragend', () => { held = null; });
}
for (const cell of document.querySelectorAll('[data-day]')) {
  cell.addEventListener('dragover', (e) => { if (held) { e.preventDefault(); cell.classList.add('over'); } });
  cell.addEventListener('dragleave', () => cell.classList.remove('over'));
  cell.addEventListener('drop', async (e) => {
    e.preventDefault(); cell.classList.remove('over');
    const id = held && held.dataset.id;
    if (!id || held.closest('[data-day]') === cell) return;
    const to = cell.dataset.day;
    const moved = await fetch(`/event/${id}`, { method: 'POST', body: new URLSearchParams({ to }) });
    location.href = moved.ok ? moved.url : `/event/${id}/tell?to=${to}`;
  });
}
