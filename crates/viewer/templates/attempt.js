'use strict';
// Steps with the arrow keys, boxes of marks on demand, pictures in full size. Without it the page still shows every step.
(() => {
  const steps = Array.from(document.querySelectorAll('.step'));
  const pills = new Map(Array.from(document.querySelectorAll('.pill')).map((pill) => [pill.getAttribute('href').slice(1), pill]));
  let current = -1;

  function mark(index) {
    current = index;
    for (const pill of pills.values()) pill.classList.remove('here');
    const pill = steps[index] && pills.get(steps[index].id);
    if (pill) { pill.classList.add('here'); pill.scrollIntoView({ block: 'nearest', inline: 'center' }); }
  }
  function go(index) {
    const step = steps[index];
    if (!step) return;
    mark(index);
    step.scrollIntoView({ block: 'start' });
    step.focus({ preventScroll: true });
    history.replaceState(null, '', '#' + step.id);
  }

  function draw(stage) {
    const boxes = stage.querySelector('.boxes');
    if (boxes.childElementCount) return;
    const width = Number(stage.dataset.width), height = Number(stage.dataset.height);
    for (const [id, x, y, w, h, label] of JSON.parse(stage.dataset.marks)) {
      const box = document.createElement('div');
      box.style.cssText = 'left:' + x / width * 100 + '%;top:' + y / height * 100 + '%;width:' + w / width * 100 + '%;height:' + h / height * 100 + '%;--hue:' + id * 47 % 360;
      box.title = id + ' ' + label;
      const number = document.createElement('span');
      number.textContent = id;
      box.append(number);
      boxes.append(box);
    }
  }
  let marks = false, som = false;
  function show() {
    for (const stage of document.querySelectorAll('.stage')) {
      if (marks) draw(stage);
      stage.querySelector('.boxes').hidden = !marks;
      const picture = stage.querySelector('.som');
      if (picture) picture.hidden = !som;
    }
    for (const button of document.querySelectorAll('button[data-do]')) button.classList.toggle('on', button.dataset.do === 'marks' ? marks : som);
  }

  const box = document.createElement('dialog');
  box.className = 'full';
  document.body.append(box);
  box.addEventListener('click', () => box.close());

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-do]');
    if (button) {
      if (button.dataset.do === 'marks') marks = !marks; else som = !som;
      show();
      return;
    }
    const canvas = event.target.closest('.canvas');
    if (canvas) {
      box.replaceChildren(canvas.cloneNode(true));
      box.showModal();
      return;
    }
    const pill = event.target.closest('.pill');
    if (pill) mark(steps.findIndex((step) => '#' + step.id === pill.getAttribute('href')));
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowRight: 1, j: 1, ArrowLeft: -1, k: -1 }[event.key];
    if (way) { event.preventDefault(); box.close(); go(Math.max(0, Math.min(steps.length - 1, current + way))); }
    else if (event.key === 'm') { marks = !marks; show(); }
    else if (event.key === 's') { som = !som; show(); }
    else if (event.key === 'Home') { current = -1; }
  });

  if ('IntersectionObserver' in window) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) mark(steps.indexOf(entry.target));
    }, { rootMargin: '-20% 0px -75% 0px' });
    steps.forEach((step) => seen.observe(step));
  }
})();
