// More jobs as the end of the list comes into sight, or at the press of the button.
const list = document.getElementById('rungs'), end = document.getElementById('end'), more = document.getElementById('more');
if (list && more) {
  const total = Number(list.dataset.total), seen = document.getElementById('seen');
  const el = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text) made.textContent = text;
    return made;
  };
  const age = (days) => (days === 0 ? 'today' : days === 1 ? 'yesterday' : `${days} days ago`);
  const rung = (job) => {
    const item = el('li', 'rung'), tile = el('span', 'tile', job.initials), what = el('div', 'what'), how = el('div', 'how'), pay = el('div', 'pay');
    tile.style.setProperty('--hue', job.hue);
    tile.setAttribute('aria-hidden', 'true');
    const link = el('a', '', job.title), heading = el('h2');
    link.href = '/job/' + job.ref;
    link.target = '_blank';
    link.append(el('span', 'unseen', ` at ${job.company}, ${job.city}`));
    heading.append(link);
    what.append(heading, el('p', 'who', `${job.company} · ${job.city}`));
    how.append(el('span', '', job.mode), ' ', el('span', '', job.contract));
    if (!job.is_open) how.append(' ', el('span', 'shut', 'Closed'));
    const bar = el('i', 'bar'), part = el('b');
    bar.setAttribute('aria-hidden', 'true');
    part.style.left = job.bar_from + '%';
    part.style.width = job.bar_wide + '%';
    bar.append(part);
    pay.append(el('p', '', job.pay), bar);
    item.append(tile, what, how, pay, el('p', 'age', age(job.age)));
    return item;
  };
  let busy = false;
  const load = async () => {
    const from = list.children.length;
    if (busy || from >= total) return;
    busy = true;
    more.disabled = true;
    const query = new URLSearchParams(location.search);
    // ticks of one name travel as one
    const modes = query.getAll('mode').join(',');
    query.delete('mode');
    if (modes) query.set('mode', modes);
    query.set('from', from);
    const jobs = await (await fetch('/api/jobs?' + query)).json();
    list.append(...jobs.map(rung));
    busy = false;
    more.disabled = false;
    if (list.children.length >= total || !jobs.length) {
      seen.textContent = `That is all: ${total} jobs.`;
      more.remove();
      watch.disconnect();
    } else {
      seen.textContent = `${list.children.length} of ${total} shown`;
      watch.unobserve(end);
      watch.observe(end);
    }
  };
  const watch = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) load(); }, { rootMargin: '80px' });
  watch.observe(end);
  more.addEventListener('click', load);
}
