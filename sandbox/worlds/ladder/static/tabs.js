// Tabs of a job.
for (const bar of document.querySelectorAll('[role=tablist]')) {
  const tabs = [...bar.querySelectorAll('[role=tab]')];
  const show = (tab) => tabs.forEach((other) => {
    const is = other === tab;
    other.setAttribute('aria-selected', String(is));
    other.tabIndex = is ? 0 : -1;
    document.getElementById(other.getAttribute('aria-controls')).hidden = !is;
  });
  bar.addEventListener('click', (event) => { const tab = event.target.closest('[role=tab]'); if (tab) show(tab); });
  bar.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    show(next);
    next.focus();
  });
}
