// Bounds of what a document may do to a session by force: dialogs, windows and console lines without end. Every dialog stops the page until
// it is answered from outside, every window is a page to be looked after, every line is a message to the driver. What goes beyond the bound
// is answered as a person would after the third time, and as pop-up blockers do.
(() => {
  const WINDOW_MS = 10_000;
  // a page may bend what is here later
  const { apply } = Reflect;
  const now = performance.now.bind(performance);
  const bounded = (owner, name, most, refuse) => {
    const own = owner[name];
    if (typeof own !== 'function') return;
    const times = [];
    let next = 0;
    owner[name] = {
      [name](...all) {
        const time = now();
        // the oldest of as many as may be
        if (time - times[next] < WINDOW_MS) return refuse;
        times[next] = time;
        next = (next + 1) % most;
        return apply(own, owner, all);
      },
    }[name];
  };
  bounded(globalThis, 'alert', 20, undefined);
  bounded(globalThis, 'confirm', 20, false);
  bounded(globalThis, 'prompt', 20, null);
  bounded(globalThis, 'print', 3, undefined);
  bounded(globalThis, 'open', 8, null);
  for (const name of Object.keys(console)) bounded(console, name, 1000, undefined);
})();
