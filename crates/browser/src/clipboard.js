// What a document copies is told by the function named `teller`, for the session keeps a clipboard of its own: the browser's is shared with
// other sessions. In the page's world, before any script of the page.
((teller, most) => {
  'use strict';
  // a page may put something in the place of `globalThis`, and not of this
  const told = this[teller];
  delete this[teller];
  if (!told) return;
  const { stringify } = JSON;
  const { apply, getOwnPropertyDescriptor } = Reflect;
  const later = setTimeout;
  const { setData } = DataTransfer.prototype;
  const { slice, toWellFormed } = String.prototype;
  // half a letter could be told to nobody
  const cut = (text) => apply(toWellFormed, apply(slice, text, [0, most]), []);
  const tell = (text, html) => told(stringify({ text: cut(`${text}`), html: html.length > most ? '' : cut(html) }));

  // what is selected, as the browser would take it
  const selected = () => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    const selection = getSelection();
    // of fields, too, and also of those that do not tell themselves (e-mail, number)
    const text = `${selection}`;
    const isField = active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement;
    if (isField && active.type === 'password') return ['', ''];
    if (isField || !selection.rangeCount) return [text, ''];
    const holder = document.createElement('div');
    holder.append(selection.getRangeAt(0).cloneContents());
    return [text, holder.innerHTML];
  };
  // what the page puts in the place of a copy is heard where it puts it: it may let nobody else see the event
  const given = new WeakMap();
  DataTransfer.prototype.setData = {
    setData(format, data) {
      apply(setData, this, arguments);
      const own = given.get(this);
      if (own) own[`${format}`.toLowerCase().replace(/^text$/, 'text/plain')] = `${data}`;
    },
  }.setData;
  const copies = (event) => {
    // what a page makes up copies nothing
    if (!event.isTrusted) return;
    const first = selected();
    const own = { 'text/plain': '', 'text/html': '' };
    given.set(event.clipboardData, own);
    // the page's own listeners come between this and that
    later(() => {
      if (event.defaultPrevented) tell(own['text/plain'], own['text/html']);
      else if (first[0] || first[1]) tell(...first);
    });
  };
  for (const type of ['copy', 'cut']) addEventListener(type, copies, true);

  // the browser without a window refuses these; one with a window does them for whoever was just clicked
  const prototype = globalThis.Clipboard?.prototype;
  if (!prototype) return;
  const { writeText, write } = prototype;
  const { userActivation } = navigator;
  const { get: isActive } = getOwnPropertyDescriptor(UserActivation.prototype, 'isActive');
  const wasClicked = () => apply(isActive, userActivation, []);
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
