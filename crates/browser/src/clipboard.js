// What a document copies is told by the function named `teller`, for the session keeps a clipboard of its own: the browser's is shared with
// other sessions. In the page's world, before any script of the page.
((teller, most) => {
  const told = globalThis[teller];
  delete globalThis[teller];
  if (!told) return;
  const { stringify } = JSON;
  const { apply } = Reflect;
  const tell = (text, html) => {
    if (text || html) told(stringify({ text: `${text}`.slice(0, most), html: html.length > most ? '' : html }));
  };

  // what is selected, as the browser would take it
  const selected = () => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    if (active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement) {
      if (active.type === 'password') return ['', ''];
      return [active.value.slice(active.selectionStart ?? 0, active.selectionEnd ?? 0), ''];
    }
    const selection = getSelection();
    if (!selection.rangeCount) return ['', ''];
    const holder = document.createElement('div');
    holder.append(selection.getRangeAt(0).cloneContents());
    return [selection.toString(), holder.innerHTML];
  };
  const copies = (event) => {
    const first = selected();
    const given = (type) => event.clipboardData.getData(type);
    let own = null;
    // the page's own listeners come between this and the last moment
    const last = () => {
      if (event.defaultPrevented) own = [given('text/plain'), given('text/html')];
    };
    addEventListener(event.type, last, { once: true });
    setTimeout(() => {
      removeEventListener(event.type, last);
      if (own) tell(...own);
      else if (!event.defaultPrevented) tell(...first);
    });
  };
  for (const type of ['copy', 'cut']) addEventListener(type, copies, true);

  // the browser without a window refuses these; one with a window does them for whoever was just clicked
  const prototype = globalThis.Clipboard?.prototype;
  if (!prototype) return;
  const { writeText, write } = prototype;
  const wasClicked = () => navigator.userActivation?.isActive;
  prototype.writeText = {
    async writeText(text) {
      if (!wasClicked() || arguments.length === 0) return apply(writeText, this, arguments);
      tell(`${text}`, '');
    },
  }.writeText;
  prototype.write = {
    async write(items) {
      if (!wasClicked()) return apply(write, this, arguments);
      const all = [...items];
      const read = async (type) => {
        const item = all.find(({ types }) => types.includes(type));
        return item ? (await item.getType(type)).text() : '';
      };
      tell(await read('text/plain'), await read('text/html'));
    },
  }.write;
})
