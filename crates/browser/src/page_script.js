// What Wayfarer runs inside a page, in an isolated world: the page cannot see or change it, its DOM is the page's own.
// Installs `__wayfarer` once for each document. Marks keep their ids as long as their elements live.
(() => {
  if (globalThis.__wayfarer) return;

  const FIRST_ID = 10, MAX_MARKS = 400, MAX_HIDDEN = 30, MAX_TEXT = 6000, MAX_NODES = 30000;
  const SELECTOR = 'a[href],a[class]:not([href]):not([name]),a[title]:not([href]):not([name]),area[href],button,input:not([type=hidden]),select,textarea,summary,[onclick],[contenteditable=""],[contenteditable=true],[contenteditable=plaintext-only],[tabindex]:not([tabindex="-1"])';
  const ROLES = new Set('button checkbox combobox gridcell link listbox menuitem menuitemcheckbox menuitemradio option radio scrollbar searchbox slider spinbutton switch tab textbox treeitem'.split(' '));
  const PLAIN_CURSORS = new Set('auto default none text vertical-text not-allowed no-drop wait progress help context-menu crosshair cell'.split(' '));
  const SECRET = /(^|[^a-z])((credit|debit|cc)?[-_ ]?card[-_ ]?(no|num|number)?|cc[-_ ]?(num|number|csc|exp|name)?|cvc|cvv|csc|security[-_ ]?code|iban|pin|pwd|passwd|password|passcode|otp|ssn)([^a-z]|$)/i;
  const SECRET_LABEL = /(credit|debit|payment|bank)\s*card\b|\bcard\s*(no\b|num|#)|\bcv[cv]2?\b|\bsecurity code|\bpass(word|code)|\biban\b|one[- ]time|\bsocial security/i;
  const BLOCKS = new Set('ADDRESS ARTICLE ASIDE BLOCKQUOTE DD DETAILS DIALOG DIV DL DT FIELDSET FIGCAPTION FIGURE FOOTER FORM H1 H2 H3 H4 H5 H6 HEADER HR LI MAIN NAV OL P PRE SECTION SUMMARY TABLE TBODY THEAD TFOOT TR UL LEGEND CAPTION OPTION BUTTON'.split(' '));

  const ids = new WeakMap(), elements = new Map();
  let next = 0;
  // values of secret fields, of this document and (told by `snapshot`) of earlier ones: they are masked wherever the page shows them again
  const secrets = new Set();
  const MAX_SECRETS = 50, LEAST_SECRET = 4;
  // fields that the gate calls secret, beyond those that `isSecret` knows by itself
  const guarded = new WeakSet();

  const idOf = (element) => {
    let id = ids.get(element);
    if (id === undefined) { id = next++; ids.set(element, id); }
    elements.set(id, element);
    return id;
  };
  const tagOf = (element) => element.localName || '';
  // half a surrogate pair cannot be told in JSON
  const whole = (text) => (text.toWellFormed ? text.toWellFormed() : text);
  const attribute = (element, name) => whole(element.getAttribute(name) || '');
  const clean = (text, limit) => { const t = (text || '').replace(/\s+/g, ' ').trim(); return whole(t.length > limit ? t.slice(0, limit - 1) + '…' : t); };
  // the shadow root of an element; closed ones are known once they were shown to `adopt`
  const closedRoots = new WeakMap();
  const rootOf = (element) => element.shadowRoot || closedRoots.get(element) || null;
  const parentOf = (node) => node.parentElement || (node.getRootNode() instanceof ShadowRoot ? node.getRootNode().host : null);

  // ---- geometry: boxes in the top viewport, through same-origin frames
  const TOP = { x: 0, y: 0, sx: 1, sy: 1 };
  // from points of a frame's document to points of the document around it: its content box, as large as it is drawn (scaled, zoomed)
  const frameBox = (frame) => {
    const r = frame.getBoundingClientRect(), style = getComputedStyle(frame);
    const sx = frame.offsetWidth ? r.width / frame.offsetWidth : 1, sy = frame.offsetHeight ? r.height / frame.offsetHeight : 1;
    return { x: r.left + (frame.clientLeft + parseFloat(style.paddingLeft || 0)) * sx, y: r.top + (frame.clientTop + parseFloat(style.paddingTop || 0)) * sy, sx, sy };
  };
  const within = (frame, o) => { const f = frameBox(frame); return { x: o.x + f.x * o.sx, y: o.y + f.y * o.sy, sx: o.sx * f.sx, sy: o.sy * f.sy }; };
  const frameOffset = (doc) => {
    const frames = [];
    let view = doc.defaultView;
    while (view && view !== window) {
      let frame = null;
      try { frame = view.frameElement; } catch { return null; }
      if (!frame) return null;
      frames.unshift(frame);
      view = frame.ownerDocument.defaultView;
    }
    return view ? frames.reduce((offset, frame) => within(frame, offset), TOP) : null;
  };
  const shift = (r, o) => ({ x: o.x + r.left * o.sx, y: o.y + r.top * o.sy, w: r.width * o.sx, h: r.height * o.sy });
  // an area of an image map has no box: it is drawn by its picture
  const pictureOf = (area) => {
    const map = tagOf(area) === 'area' && area.closest('map');
    return map && map.name ? [...area.getRootNode().querySelectorAll('img[usemap]')].find((img) => attribute(img, 'usemap') === `#${map.name}`) || null : null;
  };
  const areaBox = (area) => {
    const picture = pictureOf(area);
    if (!picture) return new DOMRect();
    const r = picture.getBoundingClientRect(), numbers = attribute(area, 'coords').split(',').map(Number), shape = attribute(area, 'shape').toLowerCase();
    if (numbers.some(Number.isNaN)) return r;
    if (shape === 'default') return r;
    if (shape === 'circle' && numbers.length >= 3) return new DOMRect(r.left + numbers[0] - numbers[2], r.top + numbers[1] - numbers[2], 2 * numbers[2], 2 * numbers[2]);
    const xs = numbers.filter((_, at) => at % 2 === 0), ys = numbers.filter((_, at) => at % 2 === 1);
    return new DOMRect(r.left + Math.min(...xs), r.top + Math.min(...ys), Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  };
  // a wrapped inline link is best met in its first line box; a label or link around a picture has no own box
  const boxOf = (element) => {
    if (tagOf(element) === 'area') return areaBox(element);
    const r = element.getBoundingClientRect();
    if (r.width >= 1 && r.height >= 1) return r;
    const inner = element.firstElementChild && element.firstElementChild.getBoundingClientRect();
    return inner && inner.width >= 1 && inner.height >= 1 ? inner : r;
  };
  const shown = (element) => {
    if (tagOf(element) === 'area') { const picture = pictureOf(element); return !!picture && shown(picture); }
    if (element.checkVisibility({ visibilityProperty: true, opacityProperty: false })) return true;
    // an element without a box of its own shows where its children do
    if (getComputedStyle(element).display !== 'contents') return false;
    return [...element.children].some(shown) || (!element.children.length && !!parentOf(element) && shown(parentOf(element)));
  };
  // the deepest element at a point of the top viewport, through shadow roots and same-origin frames
  const deepest = (x, y) => {
    let root = document, found = null;
    for (let depth = 0; depth < 20; depth++) {
      const hit = root.elementFromPoint(x, y);
      if (!hit || hit === found) return found || hit;
      found = hit;
      if (rootOf(hit)) { root = rootOf(hit); continue; }
      if (tagOf(hit) === 'iframe' || tagOf(hit) === 'frame') {
        let inner = null;
        try { inner = hit.contentDocument; } catch { return hit; }
        if (!inner) return hit;
        const f = frameBox(hit);
        x = (x - f.x) / f.sx; y = (y - f.y) / f.sy;
        root = inner; found = hit; continue;
      }
      return hit;
    }
    return found;
  };
  const isWithin = (inner, outer) => {
    for (let node = inner; node; node = parentOf(node)) if (node === outer) return true;
    return false;
  };
  // whether a click that lands on `hit` reaches `element`: inside it, or on a label of it
  const reaches = (hit, element) => {
    if (!hit) return false;
    if (isWithin(hit, element)) return true;
    if (tagOf(element) === 'area') return hit === pictureOf(element);
    if (element.labels) for (const label of element.labels) if (isWithin(hit, label)) return true;
    return false;
  };
  // a visible point of the element: its centre, else one of eight others
  const pointOf = (element, rect) => {
    const W = innerWidth, H = innerHeight;
    const left = Math.max(rect.x, 0), top = Math.max(rect.y, 0), right = Math.min(rect.x + rect.w, W), bottom = Math.min(rect.y + rect.h, H);
    if (right - left < 1 || bottom - top < 1) return { hit: null, outside: true };
    let first = null;
    for (const [fx, fy] of [[.5, .5], [.25, .5], [.75, .5], [.5, .25], [.5, .75], [.1, .1], [.9, .1], [.1, .9], [.9, .9]]) {
      const x = left + (right - left) * fx, y = top + (bottom - top) * fy;
      const hit = deepest(x, y);
      if (reaches(hit, element)) return { x, y, hit };
      first = first || hit;
    }
    return { hit: first, covered: true };
  };

  // ---- what an element is
  const roleOf = (element) => {
    const own = attribute(element, 'role').trim().split(/\s+/)[0];
    if (own && own !== 'none' && own !== 'presentation') return own.toLowerCase();
    const tag = tagOf(element), type = (element.type || '').toLowerCase();
    switch (tag) {
      case 'a': case 'area': return element.hasAttribute('href') ? 'link' : 'generic';
      case 'button': case 'summary': return 'button';
      case 'select': return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
      case 'textarea': return 'textbox';
      case 'option': return 'option';
      case 'input':
        if (['button', 'submit', 'reset', 'image', 'file', 'color'].includes(type)) return 'button';
        if (type === 'checkbox' || type === 'radio') return type;
        if (type === 'range') return 'slider';
        if (type === 'number') return 'spinbutton';
        if (type === 'search') return 'searchbox';
        return element.hasAttribute('list') ? 'combobox' : 'textbox';
      case 'label': return 'label';
      case 'img': return 'img';
      case 'iframe': return 'iframe';
      default: return element.isContentEditable ? 'textbox' : 'generic';
    }
  };
  const isField = (element) => ['input', 'select', 'textarea'].includes(tagOf(element));
  const NO_TEXT = ['button', 'submit', 'reset', 'image', 'checkbox', 'radio', 'file', 'range', 'color'];
  const isSecret = (element) => {
    if (guarded.has(element)) return true;
    if (!['input', 'textarea'].includes(tagOf(element)) || NO_TEXT.includes(element.type)) return false;
    if (element.type === 'password') return true;
    if (/(^|\s)cc-/.test(attribute(element, 'autocomplete').toLowerCase())) return true;
    if (SECRET.test([attribute(element, 'name'), element.id].join(' ').replace(/([a-z])([A-Z])/g, '$1-$2'))) return true;
    return SECRET_LABEL.test([nameOf(element), attribute(element, 'placeholder')].join(' '));
  };
  const contentOf = (element) => (typeof element.value === 'string' ? element.value : element.innerText || '').trim();
  const valueOf = (element) => {
    const tag = tagOf(element), type = (element.type || '').toLowerCase();
    if (tag === 'select') return clean([...element.selectedOptions].map((o) => o.label).join(', '), 200);
    if (tag === 'textarea' || (tag === 'input' && !['button', 'submit', 'reset', 'image', 'checkbox', 'radio', 'file', 'hidden'].includes(type))) {
      return isSecret(element) ? '•'.repeat(Math.min(element.value.length, 8)) : clean(element.value, 200);
    }
    if (tag === 'input' && type === 'file') return clean([...element.files].map((f) => f.name).join(', '), 200);
    if (element.isContentEditable && (roleOf(element) === 'textbox')) return isSecret(element) ? '•'.repeat(Math.min(contentOf(element).length, 8)) : clean(element.innerText, 200);
    const drawn = otherText(element);
    if (drawn) return drawn;
    return clean(attribute(element, 'aria-valuetext') || attribute(element, 'aria-valuenow'), 200);
  };
  // what is hidden from those who listen is no part of a name
  const heard = (element) => {
    let text = '';
    const walk = (node) => {
      if (node.nodeType === 3) text += node.data;
      else if (node.nodeType === 1 && attribute(node, 'aria-hidden') !== 'true' && shown(node)) {
        const block = BLOCKS.has(node.tagName) || node.tagName === 'BR';
        if (block) text += ' ';
        for (const child of node.childNodes) walk(child);
        if (block) text += ' ';
      }
    };
    for (const child of element.childNodes) walk(child);
    return clean(text, 200);
  };
  const textOf = (element) => {
    const partly = element.querySelector && element.querySelector('[aria-hidden=true]') ? heard(element) : '';
    if (partly) return partly;
    const own = clean(element.innerText !== undefined ? element.innerText : element.textContent, 200);
    if (own) return own;
    const picture = element.querySelector && element.querySelector('img[alt],svg title,[aria-label]');
    return picture ? clean(attribute(picture, 'alt') || attribute(picture, 'aria-label') || picture.textContent, 200) : '';
  };
  // text of a label without the values of the fields inside it
  const labelText = (label) => {
    if (!label.querySelector('input,select,textarea')) return textOf(label);
    let text = '';
    const walk = (node) => {
      if (node.nodeType === 3) text += node.data;
      else if (node.nodeType === 1 && !isField(node)) for (const child of node.childNodes) walk(child);
    };
    walk(label);
    return clean(text, 200);
  };
  const nameOf = (element) => {
    const root = element.getRootNode();
    const labelled = attribute(element, 'aria-labelledby').split(/\s+/).filter(Boolean)
      .map((id) => root.getElementById && root.getElementById(id)).filter(Boolean).map(textOf).join(' ').trim();
    if (labelled) return clean(labelled, 120);
    const aria = attribute(element, 'aria-label').trim();
    if (aria) return clean(aria, 120);
    const tag = tagOf(element), type = (element.type || '').toLowerCase();
    if (isField(element)) {
      if (tag === 'input' && ['button', 'submit', 'reset'].includes(type)) return clean(element.value || { submit: 'Submit', reset: 'Reset' }[type] || '', 120);
      if (tag === 'input' && type === 'image') return clean(attribute(element, 'alt') || element.value, 120);
      const label = element.labels ? [...element.labels].map(labelText).filter(Boolean).join(' ') : '';
      return clean(label || attribute(element, 'placeholder') || attribute(element, 'title') || attribute(element, 'alt') || attribute(element, 'name'), 120);
    }
    if (element.isContentEditable && roleOf(element) === 'textbox') return clean(attribute(element, 'placeholder') || attribute(element, 'data-placeholder') || attribute(element, 'title'), 120);
    return clean(textOf(element) || attribute(element, 'alt') || attribute(element, 'title') || attribute(element, 'placeholder'), 120);
  };
  // what a person reads on an element that is named otherwise, or the end of a text that is longer than names are
  const otherText = (element) => {
    const tag = tagOf(element), isButton = tag === 'input' && ['button', 'submit', 'reset', 'image'].includes(element.type);
    if (isField(element) && !isButton) return '';
    const text = clean(isButton ? element.value : element.innerText, 2000);
    const fold = (t) => t.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
    if (!text || fold(nameOf(element)).includes(fold(text))) return '';
    if (attribute(element, 'aria-label') || attribute(element, 'aria-labelledby') || isButton) return clean(text, 200);
    return tag !== 'a' && text.length > 120 ? whole(text.slice(-160)) : '';
  };
  const isDisabled = (element) => (element.matches && element.matches(':disabled')) || attribute(element, 'aria-disabled') === 'true';
  const flag = (text) => (text === 'true' ? true : text === 'false' ? false : null);
  const checkedOf = (element) => {
    if (tagOf(element) === 'input' && (element.type === 'checkbox' || element.type === 'radio')) return element.checked;
    for (const name of ['aria-checked', 'aria-selected', 'aria-pressed']) { const v = flag(attribute(element, name)); if (v !== null) return v; }
    return null;
  };
  const expandedOf = (element) => {
    const v = flag(attribute(element, 'aria-expanded'));
    if (v !== null) return v;
    return tagOf(element) === 'summary' && element.parentElement && tagOf(element.parentElement) === 'details' ? element.parentElement.open : null;
  };
  const submitsForm = (element) => {
    if (!element.form && !element.closest('form')) return false;
    const tag = tagOf(element);
    return (tag === 'button' && element.type === 'submit') || (tag === 'input' && (element.type === 'submit' || element.type === 'image'));
  };
  const describe = (element) => { const name = nameOf(element); return `${roleOf(element)}${name ? ` "${clean(name, 60)}"` : ` <${tagOf(element)}>`}`; };

  // ---- one walk over document, open shadow roots and same-origin frames, in document order
  const walk = (visit, enter) => {
    let budget = MAX_NODES;
    const descend = (root, offset) => {
      if (enter) enter(root, offset);
      watchChanges(root);
      for (const element of root.querySelectorAll('*')) {
        if (budget-- <= 0) return;
        visit(element, offset);
        if (rootOf(element)) descend(rootOf(element), offset);
        else if (tagOf(element) === 'iframe' || tagOf(element) === 'frame') {
          let inner = null;
          try { inner = element.contentDocument; } catch { inner = null; }
          if (inner && shown(element)) {
            descend(inner, within(element, offset));
          }
        }
      }
    };
    descend(document, TOP);
  };
  const isInteractive = (element) => {
    if (element.matches(SELECTOR)) return true;
    const role = attribute(element, 'role').trim().toLowerCase();
    if (role && ROLES.has(role)) return true;
    if (tagOf(element) === 'label') return false;
    if (tagOf(element) === 'iframe') { try { return !element.contentDocument; } catch { return true; } }
    // a cursor of its own, on the topmost element that has it: how pages show what can be clicked without saying so
    const style = getComputedStyle(element);
    if (PLAIN_CURSORS.has(style.cursor)) return false;
    const parent = parentOf(element);
    return !parent || getComputedStyle(parent).cursor !== style.cursor;
  };

  // the form as a button with an address or method of its own submits it
  const variantOf = (form, element) => {
    if (!submitsForm(element) || !(element.hasAttribute('formaction') || element.hasAttribute('formmethod'))) return null;
    return { form, method: attribute(element, 'formmethod') || attribute(form, 'method'), action: attribute(element, 'formaction') || attribute(form, 'action') };
  };
  const readForms = (forms) => forms.map((entry) => {
    const form = entry.form instanceof Element && !(entry instanceof Element) ? entry.form : entry;
    const own = form === entry ? { method: attribute(form, 'method'), action: attribute(form, 'action') } : entry;
    const heading = (form.querySelector('legend,h1,h2,h3,h4') || {}).textContent
      || (() => { for (let p = form; p; p = p.parentElement) { const h = p.querySelector('h1,h2,h3,h4'); if (h) return h.textContent; } return ''; })();
    const controls = [...form.elements];
    const submits = controls.filter(submitsForm);
    // form.method and form.action may be shadowed by fields with these names
    const method = (own.method || 'get').toLowerCase();
    let action = form.ownerDocument.location.href;
    try { if (own.action) action = new URL(own.action, form.ownerDocument.baseURI).href; } catch { /* kept */ }
    return {
      method: ['get', 'post', 'dialog'].includes(method) ? method : 'get',
      action: action.slice(0, 300),
      name: clean(attribute(form, 'aria-label') || attribute(form, 'name') || heading || '', 120),
      fields: controls.filter((c) => isField(c) && !['hidden', 'submit', 'button', 'reset', 'image'].includes(c.type)).slice(0, 60)
        .map((c) => [nameOf(c), attribute(c, 'autocomplete'), attribute(c, 'name'), c.type || tagOf(c)].filter(Boolean).join(' ').toLowerCase()),
      submit_texts: submits.slice(0, 10).map(nameOf).filter(Boolean),
    };
  });

  // ---- text of the viewport in reading order, blocks on lines of their own
  const visibleText = () => {
    const lines = [];
    let line = '', length = 0, budget = MAX_NODES;
    const flush = () => { const t = line.replace(/\s+/g, ' ').trim(); line = ''; if (t) { lines.push(t); length += t.length + 1; } };
    const seen = (node, offset) => {
      const range = node.ownerDocument.createRange();
      range.selectNodeContents(node);
      return inView(range.getBoundingClientRect(), offset) && (!node.parentElement || shown(node.parentElement));
    };
    const inView = (r, offset) => { const b = shift(r, offset); return b.w > 0 && b.h > 0 && b.y + b.h > 0 && b.y < innerHeight && b.x + b.w > 0 && b.x < innerWidth; };
    const read = (node, offset) => {
      if (length > MAX_TEXT || budget-- <= 0) return;
      if (node.nodeType === 3) { if (node.data.trim() && seen(node, offset)) line += node.data; else if (node.data.trim() === '') line += ' '; return; }
      if (node.nodeType === 11 || node.nodeType === 9) { for (const child of node.childNodes) read(child, offset); return; }
      if (node.nodeType !== 1) return;
      const tag = node.tagName;
      if (['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'HEAD', 'SVG', 'svg', 'OPTION', 'DATALIST'].includes(tag)) return;
      if (tag === 'BR') { flush(); return; }
      if (tag !== 'BODY' && tag !== 'HTML' && !shown(node) && getComputedStyle(node).display !== 'contents') {
        // a hidden parent can hold a visible child (visibility), an undisplayed one cannot
        if (getComputedStyle(node).display === 'none') return;
      }
      if (getComputedStyle(node).visibility !== 'visible' && !node.children.length) return;
      const block = BLOCKS.has(tag) || tag === 'TD' || tag === 'TH';
      if (block && tag !== 'TD' && tag !== 'TH') flush();
      if (tag === 'INPUT' || tag === 'TEXTAREA' || tag === 'SELECT') {
        const type = (node.type || '').toLowerCase(), isSeen = inView(node.getBoundingClientRect(), offset) && shown(node);
        if (isSeen && ['submit', 'button', 'reset'].includes(type)) line += ` ${nameOf(node)} `;
        else if (isSeen && tag === 'SELECT') line += ` ${valueOf(node)} `;
        else if (isSeen && !['checkbox', 'radio', 'hidden', 'file', 'image', 'range', 'color'].includes(type)) line += ` ${valueOf(node)} `;
      } else if (tag === 'IMG') {
        if (attribute(node, 'alt') && inView(node.getBoundingClientRect(), offset)) line += ` ${attribute(node, 'alt')} `;
      } else if (tag === 'IFRAME' || tag === 'FRAME') {
        let inner = null;
        try { inner = node.contentDocument; } catch { inner = null; }
        if (inner && inner.body) {
          flush();
          read(inner.body, within(node, offset));
          flush();
        }
      } else if (rootOf(node)) read(rootOf(node), offset);
      else if (tag === 'SLOT' && node.assignedNodes().length) for (const child of node.assignedNodes()) read(child, offset);
      else for (const child of node.childNodes) read(child, offset);
      if (tag === 'TD' || tag === 'TH') line += ' | ';
      else if (block) flush();
    };
    if (document.body) read(document.body, TOP);
    flush();
    return clip(lines.map((l) => l.replace(/(\s*\|\s*)+$/, '')).filter(Boolean).join('\n'), MAX_TEXT);
  };
  const clip = (text, limit) => { const all = [...text]; return whole(all.length > limit ? all.slice(0, limit - 1).join('') + '…' : text); };

  const markOf = (element, rect, visible, forms) => {
    const form = element.form || (element.closest && element.closest('form'));
    const tag = tagOf(element);
    const mark = {
      id: idOf(element), role: roleOf(element), name: nameOf(element), tag,
      input_type: tag === 'input' ? (element.type || '').toLowerCase() : '', value: valueOf(element),
      href: typeof element.href === 'string' ? whole(element.href.slice(0, 300)) : tag === 'iframe' || tag === 'frame' ? whole((element.src || '').slice(0, 300)) : '',
      field: isField(element) ? [attribute(element, 'autocomplete'), attribute(element, 'name'), attribute(element, 'id')].filter(Boolean).join(' ') : '',
      submits: submitsForm(element), checked: checkedOf(element), expanded: expandedOf(element), disabled: !!isDisabled(element),
      rect: { x: Math.round(rect.x * 10) / 10, y: Math.round(rect.y * 10) / 10, w: Math.round(rect.w * 10) / 10, h: Math.round(rect.h * 10) / 10 },
      visible,
    };
    if (tag === 'select') mark.options = [...element.options].slice(0, 60).map((o) => clean(o.label, 120));
    const variant = form && variantOf(form, element);
    if (variant) { forms.push(variant); mark.form = forms.length - 1; }
    else if (form) { let index = forms.indexOf(form); if (index < 0 && form instanceof form.ownerDocument.defaultView.HTMLFormElement) { forms.push(form); index = forms.length - 1; } if (index >= 0) mark.form = index; }
    return mark;
  };
  const activeElement = () => {
    let active = document.activeElement;
    for (let depth = 0; active && depth < 20; depth++) {
      if (rootOf(active) && rootOf(active).activeElement) active = rootOf(active).activeElement;
      else if (tagOf(active) === 'iframe') { let inner = null; try { inner = active.contentDocument; } catch { inner = null; } if (!inner || !inner.activeElement || inner.activeElement === inner.body) return active; active = inner.activeElement; }
      else break;
    }
    return active && active !== document.body && active !== document.documentElement ? active : null;
  };

  // ---- secrets: masked in texts, covered in pictures
  const learn = (value) => { const secret = whole(value.trim()); if (secret.length >= LEAST_SECRET && secrets.size < MAX_SECRETS) secrets.add(secret); };
  const guard = (marks) => { for (const id of marks) if (elements.has(id)) guarded.add(elements.get(id)); };
  // a value however it is grouped (numbers with spaces, dashes or their encodings between the digits) and spelled: as text, in an address, in
  // JSON
  const encoder = new TextEncoder();
  const spelled = (letter) => {
    if (/[A-Za-z0-9_]/.test(letter)) return letter;
    const escape = (text) => text.replace(/[.*+?^${}()|[\]\\\/]/g, '\\$&');
    const hex = [...encoder.encode(letter)].map((byte) => '%' + byte.toString(16).padStart(2, '0').replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`));
    return `(?:${escape(letter)}|${hex.join('')}|${escape(JSON.stringify(letter).slice(1, -1))})`;
  };
  const shapeOf = (secret) => {
    const plain = secret.replace(/[\s-]/g, '');
    if (/^\d{6,}$/.test(plain)) return [...plain].join('(?:[\\s.+-]|%20)*');
    return secret.trim().split(/\s+/).map((word) => [...word].map(spelled).join('')).join('(?:\\s|\\+|%20)+');
  };
  const secretPattern = () => (secrets.size ? new RegExp([...secrets].sort((a, b) => b.length - a.length).map(shapeOf).filter(Boolean).join('|'), 'g') : null);
  // boxes of the viewport in which a secret can be read: fields that hold one, and text that shows one again
  const covers = () => {
    const pattern = secretPattern(), boxes = [];
    const holds = (text) => text.search(pattern) >= 0;
    const add = (rect, offset) => {
      const box = shift(rect, offset);
      if (box.w > 0 && box.h > 0 && box.x < innerWidth && box.y < innerHeight && box.x + box.w > 0 && box.y + box.h > 0 && boxes.length < MAX_MARKS) boxes.push(box);
    };
    walk((element, offset) => {
      const shows = isSecret(element) ? contentOf(element) : pattern && isField(element) && (holds(contentOf(element)) || holds(valueOf(element)));
      if (shows) add(element.getBoundingClientRect(), offset);
    }, (root, offset) => {
      if (!pattern) return;
      // a number may stand in several nodes, so the text of all of them is searched
      const texts = (root.ownerDocument || root).createTreeWalker(root, NodeFilter.SHOW_TEXT), nodes = [];
      let all = '';
      while (texts.nextNode() && nodes.length < MAX_NODES) {
        if (['script', 'style', 'noscript'].includes(tagOf(texts.currentNode.parentNode || texts.currentNode))) continue;
        nodes.push({ node: texts.currentNode, start: all.length });
        all += texts.currentNode.data;
      }
      const pointIn = (at) => { let low = 0, high = nodes.length - 1; while (low < high) { const middle = (low + high + 1) >> 1; if (nodes[middle].start <= at) low = middle; else high = middle - 1; } return [nodes[low].node, at - nodes[low].start]; };
      for (const found of all.matchAll(pattern)) {
        const range = (root.ownerDocument || root).createRange(), [last, end] = pointIn(found.index + found[0].length - 1);
        range.setStart(...pointIn(found.index));
        range.setEnd(last, end + 1);
        for (const rect of range.getClientRects()) add(rect, offset);
      }
    });
    return boxes;
  };
  // the same object with every secret value masked in every text
  const masked = (value, pattern = secretPattern()) => {
    if (!pattern) return value;
    if (typeof value === 'string') return value.replace(pattern, '••••');
    if (Array.isArray(value)) return value.map((inner) => masked(inner, pattern));
    if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, pattern)]));
    return value;
  };

  // ---- what was judged: between looking and acting a page can put something else under the pointer or give a button another errand
  const CHANGED = 'the page changed since it was looked at; look again';
  let judged = null;
  // numbers may tick (countdowns, stock); words, targets and forms may not
  const printOf = (element) => {
    const form = submitsForm(element) ? element.form || element.closest('form') : null;
    const sent = form ? [variantOf(form, element) || {}, attribute(form, 'method'), attribute(form, 'action'), [...form.elements].filter((c) => isField(c) && c.type !== 'hidden').length] : [];
    return JSON.stringify([roleOf(element), nameOf(element).replace(/[\d\s]+/g, ' ').trim(), isField(element) ? element.type : otherText(element).replace(/[\d\s]+/g, ' ').trim(), element.href || '', sent]);
  };
  const isSame = (element) => judged.prints.get(ids.get(element)) === printOf(element);
  // what a click on `hit` activates
  const activated = (hit) => {
    for (let node = hit; node; node = parentOf(node)) {
      if (isInteractive(node)) return node;
      if (tagOf(node) === 'label' && node.control) return node.control;
    }
    return null;
  };
  const isPlainField = (element) => isField(element) && !['submit', 'image', 'button', 'reset'].includes(element.type);
  // why a click at `hit` is not the one that was judged for (x, y); null if it is
  const otherThanJudged = (token, element, x, y, hit) => {
    if (!judged || judged.token !== token) return CHANGED;
    if (element && !isSame(element)) return CHANGED;
    const pressed = activated(hit);
    if (!pressed || pressed === element || isPlainField(pressed) || (element && !isWithin(pressed, element))) return null;
    const under = judged.boxes.filter((b) => x >= b.x && y >= b.y && x <= b.x + b.w && y <= b.y + b.h).map((b) => b.id);
    const known = (element ? under.slice(-1) : under).includes(ids.get(pressed));
    if (known && isSame(pressed)) return null;
    return element ? `a click there would press ${describe(pressed)}; use its own mark, or look again` : CHANGED;
  };
  // keys go to the focus: why it is not the one that was judged; null if it is
  const focusMoved = (token) => {
    const active = activeElement();
    if (!judged || judged.token !== token || active !== judged.active) return 'the focus moved since the page was looked at; look again';
    if (active && !judged.marked && !isPlainField(active)) return `the focus is on ${describe(active)}, which is not in the list of marks; click instead`;
    if (active && judged.marked && !isSame(active)) return CHANGED;
    return null;
  };
  let typedInto = null;
  // Enter is for the field that was typed into, or for one of the same form
  const leftField = () => {
    const active = activeElement();
    if (active === typedInto || (typedInto && !typedInto.isConnected && editable(active))) return null;
    if (typedInto && editable(active) && active.form === typedInto.form) return null;
    return 'the focus left the field while it was typed into; Enter was not pressed';
  };

  // ---- frames of other sites, into which only their own script sees: where their documents are drawn
  const isForeign = (element) => {
    if (tagOf(element) !== 'iframe' && tagOf(element) !== 'frame') return false;
    try { return !element.contentDocument; } catch { return true; }
  };
  const spotOf = (element) => within(element, frameOffset(element.ownerDocument) || TOP);
  const frameSpot = (id, intoView) => {
    const element = byId(id);
    if (!element || !isForeign(element)) return { error: 'the frame is gone' };
    const look = () => pointOf(element, shift(boxOf(element), frameOffset(element.ownerDocument) || TOP));
    if (intoView && look().outside) element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
    return spotOf(element);
  };
  // which of these points meet the frame and nothing in front of it
  const onTop = (id, points) => { const element = byId(id); return points.map(([x, y]) => !!element && x >= 0 && y >= 0 && x < innerWidth && y < innerHeight && deepest(x, y) === element); };

  // ---- closed shadow roots: the protocol knows them, a script does not; who may have one is asked about once
  const HOSTS = new Set('article aside blockquote body div footer h1 h2 h3 h4 h5 h6 header main nav p section span'.split(' '));
  const asked = new WeakSet();
  const MAX_SUSPECTS = 64;
  const isSuspect = (element) => {
    const tag = tagOf(element), own = tag.includes('-');
    if ((!own && !HOSTS.has(tag)) || asked.has(element) || rootOf(element)) return false;
    if (own) return true;
    // children that are not drawn although nothing hides them, or something drawn without any children
    const child = element.firstElementChild;
    if (child) return getComputedStyle(child).display === '';
    if (element.textContent.trim()) return false;
    const r = element.getBoundingClientRect();
    return r.width >= 2 && r.height >= 2;
  };
  const suspects = () => {
    const found = [];
    walk((element) => { if (found.length < MAX_SUSPECTS && isSuspect(element)) { asked.add(element); found.push(element); } });
    return found;
  };
  const adopt = (host, root) => { closedRoots.set(host, root); watchChanges(root); };

  // where the page stands: many pages scroll in a part of their own that fills the window, and their document not at all
  const scrollState = () => {
    const whole = document.scrollingElement || document.documentElement;
    if (!whole) return { top: 0, height: 0, left: 0, width: 0 };
    const left = whole.scrollLeft, width = whole.scrollWidth;
    const moves = (element) => element.scrollHeight > element.clientHeight + 1 && ['auto', 'scroll', 'overlay'].includes(getComputedStyle(element).overflowY);
    const isFixed = whole.scrollHeight <= innerHeight + 1 || getComputedStyle(whole).overflowY === 'hidden';
    if (isFixed) {
      for (let element = document.elementFromPoint(innerWidth / 2, innerHeight / 2); element; element = parentOf(element)) {
        if (element !== whole && moves(element) && element.clientWidth * element.clientHeight > innerWidth * innerHeight / 2) {
          return { top: element.scrollTop, height: element.scrollHeight + innerHeight - element.clientHeight, left, width };
        }
      }
    }
    return { top: whole.scrollTop, height: whole.scrollHeight, left, width };
  };

  // one settled moment of the page; `known` are the secrets of earlier documents
  // and `base` what this document's ids begin with, where it is a frame of another site
  const snapshot = (known, base) => {
    next = next || (base || 0) + FIRST_ID;
    known.forEach(learn);
    let holdsSecret = false, suspected = 0;
    for (const [id, element] of elements) if (!element.isConnected) elements.delete(id);
    const visible = [], hidden = [], forms = [];
    walk((element, offset) => {
      if (tagOf(element) === 'form' && forms.length < 40) forms.push(element);
      if (isSuspect(element)) suspected++;
      if (isSecret(element) && contentOf(element)) { holdsSecret = true; learn(contentOf(element)); }
      if (!isInteractive(element)) return;
      if (!shown(element)) return;
      const rect = shift(boxOf(element), offset);
      if (rect.w < 2 || rect.h < 2) {
        // pages hide the real checkbox and style its label: the label's box is what a person sees
        const label = element.labels && element.labels[0];
        if (!label || !shown(label)) return;
        const r = shift(boxOf(label), offset);
        if (r.w < 2 || r.h < 2) return;
        Object.assign(rect, r);
      }
      if (rect.x + rect.w <= 0 || rect.x >= innerWidth) return;
      if (rect.y + rect.h <= 0 || rect.y >= innerHeight) { if (!isDisabled(element)) hidden.push({ element, rect, distance: rect.y >= innerHeight ? rect.y - innerHeight : -(rect.y + rect.h) }); return; }
      if (visible.length >= MAX_MARKS) return;
      const point = pointOf(element, rect);
      if (point.covered || point.outside) return;
      visible.push({ element, rect });
    });
    // a container that merely holds one interactive element of the same box adds nothing
    const kept = visible.filter(({ element, rect }) => {
      if (element.matches(SELECTOR) || attribute(element, 'role')) return true;
      return !visible.some((other) => other.element !== element && element.contains(other.element) && Math.abs(other.rect.w - rect.w) < 4 && Math.abs(other.rect.h - rect.h) < 4);
    });
    hidden.sort((a, b) => a.distance - b.distance);
    const marks = kept.map(({ element, rect }) => markOf(element, rect, true, forms))
      .concat(hidden.slice(0, MAX_HIDDEN).map(({ element, rect }) => markOf(element, rect, false, forms)));
    const active = activeElement();
    const focused = active && ids.has(active) && elements.has(ids.get(active)) ? ids.get(active) : null;
    judged = {
      token: `${performance.timeOrigin}-${performance.now()}-${Math.random()}`, active, marked: focused !== null,
      boxes: marks.filter((mark) => mark.visible).map((mark) => ({ id: mark.id, ...mark.rect })),
      prints: new Map(marks.map((mark) => [mark.id, printOf(elements.get(mark.id))])),
    };
    const secretMarks = marks.filter((mark) => isSecret(elements.get(mark.id))).map((mark) => mark.id);
    const foreign = kept.filter(({ element }) => isForeign(element)).map(({ element }) => ({ id: idOf(element), ...spotOf(element) }));
    return { token: judged.token, at: location.href, suspected, foreign, secrets: [...secrets], secret_marks: secretMarks, covers: holdsSecret || secrets.size ? covers() : [], ...masked({
      url: location.href, title: clean(document.title, 300), scroll: scrollState(),
      marks, forms: readForms(forms), focused, text: visibleText(),
    }) };
  };

  let mutations = 0;
  // ---- rest: resolves when two frames in a row show the same layout, or when the bound is reached
  const observer = new MutationObserver(() => { mutations++; });
  // documents of frames and shadow roots are known from the first look at them on
  const watched = new WeakSet();
  const watchChanges = (root) => {
    if (watched.has(root)) return;
    watched.add(root);
    observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  };
  watchChanges(document);
  // whether a frame was drawn: a starved renderer draws none for a while, and a hidden page, which has nothing to draw, none at all
  const frame = () => new Promise((done) => {
    const fallback = setTimeout(() => done(document.hidden), 120);
    requestAnimationFrame(() => { clearTimeout(fallback); done(true); });
  });
  const shortAnimation = () => document.getAnimations().some((animation) => {
    if (animation.playState !== 'running' || !animation.effect) return false;
    const { endTime } = animation.effect.getComputedTiming();
    return Number.isFinite(endTime) && endTime - (animation.currentTime || 0) < 600;
  });
  const signature = () => {
    const scrolling = document.scrollingElement;
    return [mutations, location.href, scrolling && scrolling.scrollTop, scrolling && scrolling.scrollHeight, document.readyState].join(' ');
  };
  const rest = async (bound) => {
    const end = performance.now() + bound;
    let before = signature(), moved = false;
    await frame();
    for (;;) {
      const drawn = await frame();
      const now = signature();
      const same = now === before && !shortAnimation();
      moved ||= !same;
      before = now;
      const stable = same && drawn;
      if (stable || performance.now() >= end) return { stable, moved, ready: document.readyState, url: location.href };
    }
  };

  // ---- acting: a fresh hit test for each action
  const kindOf = (element) => {
    const tag = tagOf(element), type = (element.type || '').toLowerCase();
    if (tag === 'select') return { kind: 'select', options: [...element.options].slice(0, 40).map((o) => clean(o.label, 60)) };
    if (tag === 'option') return { kind: 'select', options: [] };
    if (tag === 'input' && type === 'file') return { kind: 'file' };
    return { kind: '' };
  };
  const byId = (id) => {
    const element = elements.get(id);
    return element && element.isConnected ? element : null;
  };
  const locate = (id, token, x, y) => {
    const element = byId(id);
    if (!element) return { error: `mark ${id} is gone` };
    const box = () => {
      const offset = frameOffset(element.ownerDocument);
      if (!offset) return null;
      let r = shift(boxOf(element), offset);
      if (r.w < 2 || r.h < 2) { const label = element.labels && element.labels[0]; if (label) r = shift(boxOf(label), offset); }
      return r;
    };
    let rect = box();
    if (!rect) return { error: `mark ${id} is gone` };
    if (!shown(element) || rect.w < 1 || rect.h < 1) return { error: `mark ${id} (${describe(element)}) is hidden now` };
    let point = pointOf(element, rect);
    if (point.outside || point.covered) {
      element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      rect = box();
      point = pointOf(element, rect);
    }
    if (point.outside) return { error: `mark ${id} (${describe(element)}) cannot be brought into view` };
    if (point.covered) return { error: `mark ${id} (${describe(element)}) is covered by ${point.hit ? describe(point.hit) : 'something else'}` };
    if (isDisabled(element)) return { error: `mark ${id} (${describe(element)}) is disabled` };
    const other = otherThanJudged(token, element, x, y, point.hit);
    if (other) return { error: other };
    return { x: point.x, y: point.y, ...kindOf(element) };
  };
  const at = (x, y, token) => { const hit = deepest(x, y), other = otherThanJudged(token, null, x, y, hit); if (other) return { error: other }; return { x, y, ...(hit ? kindOf(hit.closest('select') || hit) : { kind: '' }) }; };

  const TYPED_BY_VALUE = ['date', 'datetime-local', 'month', 'week', 'time', 'color', 'range'];
  const editable = (element) => {
    if (!element) return false;
    if (tagOf(element) === 'textarea') return true;
    if (tagOf(element) === 'input') return !['button', 'submit', 'reset', 'image', 'checkbox', 'radio', 'file', 'hidden'].includes(element.type);
    return element.isContentEditable;
  };
  const setValue = (element, value) => {
    const view = element.ownerDocument.defaultView;
    const prototype = tagOf(element) === 'select' ? view.HTMLSelectElement.prototype : view.HTMLInputElement.prototype;
    Object.getOwnPropertyDescriptor(prototype, 'value').set.call(element, value);
  };
  const announce = (element) => {
    element.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const HINTS = { date: 'YYYY-MM-DD', 'datetime-local': 'YYYY-MM-DDTHH:MM', month: 'YYYY-MM', week: 'YYYY-Www', time: 'HH:MM', color: '#rrggbb', range: 'a number' };
  // after the click: puts the focus into a field, says how to type there; dates and the like are set at once
  const prepare = (id, text, clear) => {
    let field = activeElement();
    const wanted = id === null ? null : byId(id);
    if (wanted && !(editable(field) && (isWithin(field, wanted) || isWithin(wanted, field)))) {
      const control = editable(wanted) ? wanted : wanted.control && editable(wanted.control) ? wanted.control
        : wanted.querySelector && [...wanted.querySelectorAll('input,textarea,[contenteditable]')].find(editable);
      if (control) { control.focus(); field = control; }
      // a click may rightly open a field elsewhere (search overlays); only when nothing can be typed into it is an error
    }
    if (!editable(field)) {
      if (id === null) return { kind: 'keys' };
      return { error: wanted ? `mark ${id} (${describe(wanted)}) does not take text` : `mark ${id} is gone after it was clicked` };
    }
    const secret = isSecret(field);
    if (secret) learn(text);
    if (field.readOnly && !TYPED_BY_VALUE.includes(field.type)) return { error: `the field ${describe(field)} is read-only` };
    if (tagOf(field) === 'input' && TYPED_BY_VALUE.includes(field.type)) {
      typedInto = field;
      setValue(field, text);
      announce(field);
      if (text && !field.value) return { error: `the field ${describe(field)} takes ${HINTS[field.type]}, not ${JSON.stringify(clean(text, 40))}` };
      return { kind: 'done', secret };
    }
    typedInto = field;
    const full = field.isContentEditable ? !!field.innerText.trim() : !!field.value;
    if (clear && full && !field.isContentEditable) field.select();
    // after a click the caret goes to the end; where the agent made a selection itself, typing replaces it
    if (id !== null && !clear && full && !field.isContentEditable) { try { field.setSelectionRange(field.value.length, field.value.length); } catch { /* fields without a selection */ } }
    return { kind: 'text', secret, clear: clear && full, multiline: tagOf(field) === 'textarea' || field.isContentEditable };
  };
  // ---- pasting, in the place of the browser: its clipboard is shared with other sessions
  let pasteKey = null, stopExpecting = () => {};
  // a page that takes the key for itself pastes nothing
  const expectPaste = () => {
    stopExpecting();
    pasteKey = null;
    const view = (activeElement() || document.documentElement).ownerDocument.defaultView;
    const look = (event) => { if (event.ctrlKey || event.shiftKey) pasteKey = event; };
    view.addEventListener('keydown', look, true);
    stopExpecting = () => view.removeEventListener('keydown', look, true);
  };
  // what is left to be inserted at the caret once the page had its say
  const paste = (text, html) => {
    stopExpecting();
    if (pasteKey?.defaultPrevented) return '';
    const target = activeElement() || document.body || document.documentElement;
    const view = target.ownerDocument.defaultView;
    const clipboardData = new view.DataTransfer();
    if (text) clipboardData.setData('text/plain', text);
    if (html) clipboardData.setData('text/html', html);
    const goesOn = target.dispatchEvent(new view.ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true, composed: true }));
    const field = activeElement();
    if (!goesOn || !editable(field) || field.readOnly || isDisabled(field)) return '';
    if (isSecret(field)) learn(text);
    // one line takes its breaks as spaces, as Chromium does it
    return tagOf(field) === 'input' ? text.replace(/[\r\n]+$/, '').replace(/\r\n|\r|\n/g, ' ') : text;
  };
  const select = (id, x, y, wanted, token) => {
    let element = id === null ? deepest(x, y) : byId(id);
    if (!element) return { error: id === null ? 'nothing is there' : `mark ${id} is gone` };
    if (tagOf(element) !== 'select') element = element.closest('select') || (element.control && tagOf(element.control) === 'select' && element.control) || element;
    const label = id === null ? describe(element) : `mark ${id} (${describe(element)})`;
    if (tagOf(element) !== 'select') return { error: `${label} is no native select; click it and then its option` };
    if (isDisabled(element)) return { error: `${label} is disabled` };
    if (!judged || judged.token !== token || (judged.prints.has(ids.get(element)) && !isSame(element))) return { error: CHANGED };
    const fold = (text) => clean(text, 500).toLowerCase(), options = [...element.options];
    const found = options.find((o) => clean(o.label, 500) === clean(wanted, 500)) || options.find((o) => fold(o.label) === fold(wanted)) || options.find((o) => o.value === wanted);
    if (!found) return { error: `${label} has no option ${JSON.stringify(clean(wanted, 60))}; it has: ${options.slice(0, 40).map((o) => clean(o.label, 60)).join(', ')}` };
    if (found.disabled) return { error: `the option ${JSON.stringify(clean(found.label, 60))} of ${label} is disabled` };
    element.focus();
    if (element.multiple) found.selected = !found.selected; else element.selectedIndex = options.indexOf(found);
    announce(element);
    return { kind: 'done' };
  };

  // ---- reading the whole page, in view or not, as Markdown
  const read = (limit, known) => {
    known.forEach(learn);
    const lines = [];
    let line = '', length = 0, budget = MAX_NODES, prefix = '', kept = false;
    const put = (text) => { lines.push(text); length += text.length + 1; };
    const flush = () => {
      const text = kept ? line.replace(/\s+$/, '') : line.replace(/\s+/g, ' ').trim();
      line = '';
      if (text) { put(prefix + text); prefix = prefix.replace(/[^\s>]/g, ' ').replace(/ +$/, (end) => ' '.repeat(end.length)); }
    };
    // a blank line, never two
    const gap = () => { flush(); if (lines.length && lines[lines.length - 1] !== '') put(''); };
    const indented = (marker, node, visit) => {
      const outer = prefix;
      flush();
      prefix = outer.replace(/[^\s>]/g, ' ') + marker;
      visit(node);
      flush();
      prefix = outer;
    };
    const childrenOf = (node) => {
      if (tagOf(node) === 'slot' && node.assignedNodes().length) return node.assignedNodes();
      return (rootOf(node) || node).childNodes;
    };
    const all = (node) => { for (const child of childrenOf(node)) visit(child); };
    const cells = (row) => [...row.cells].map((cell) => clean(cell.innerText, 200).replace(/\|/g, '\\|'));
    const visit = (node) => {
      if (length > limit || budget-- <= 0) return;
      if (node.nodeType === 3) { line += kept ? node.data : node.data.replace(/\s+/g, ' '); return; }
      if (node.nodeType !== 1) return;
      const tag = tagOf(node);
      if (['script', 'style', 'noscript', 'template', 'head', 'datalist', 'svg'].includes(tag)) return;
      const style = getComputedStyle(node);
      if (style.display === 'none' || (style.visibility !== 'visible' && !node.children.length)) return;
      if (/^h[1-6]$/.test(tag)) { gap(); line = ''; const text = textOf(node); if (text) put(`${'#'.repeat(+tag[1])} ${text}`); gap(); return; }
      if (tag === 'br') { flush(); return; }
      if (tag === 'hr') { gap(); put('---'); gap(); return; }
      if (tag === 'a' && node.href) { const text = textOf(node); if (text) line += /^https?:/.test(node.href) ? `[${text}](${whole(node.href.slice(0, 300))})` : text; return; }
      if (tag === 'img') { if (attribute(node, 'alt')) line += ` ![${clean(attribute(node, 'alt'), 200)}] `; return; }
      if (tag === 'ul' || tag === 'ol') {
        const nested = prefix.trim() !== '' || lines.length && prefix !== '';
        if (nested) flush(); else gap();
        let nth = tag === 'ol' ? node.start || 1 : 0;
        for (const item of childrenOf(node)) {
          if (tagOf(item) === 'li') indented(tag === 'ol' ? `${nth++}. ` : '- ', item, all); else visit(item);
        }
        if (!nested) gap();
        return;
      }
      if (tag === 'table') {
        gap();
        [...node.rows].forEach((row, at) => { const texts = cells(row); if (texts.some(Boolean)) put(`| ${texts.join(' | ')} |`); if (at === 0 && texts.length) put(`|${' --- |'.repeat(texts.length)}`); });
        gap();
        return;
      }
      if (tag === 'pre') { gap(); const before = kept; kept = true; put('```'); all(node); flush(); put('```'); kept = before; gap(); return; }
      if (tag === 'blockquote') { gap(); indented('> ', node, all); gap(); return; }
      if (isField(node)) {
        const type = node.type || '';
        if (type === 'hidden') return;
        if (type === 'checkbox' || type === 'radio') line += ` [${node.checked ? 'x' : ' '}] `;
        else if (['submit', 'button', 'reset'].includes(type)) line += ` ${nameOf(node)} `;
        else line += ` [${[nameOf(node), valueOf(node)].filter(Boolean).join(': ')}] `;
        return;
      }
      if (tag === 'iframe' || tag === 'frame') {
        let inner = null;
        try { inner = node.contentDocument; } catch { inner = null; }
        if (inner && inner.body) { gap(); all(inner.body); gap(); }
        return;
      }
      const paragraph = ['P', 'SECTION', 'ARTICLE', 'HEADER', 'FOOTER', 'MAIN', 'NAV', 'FORM', 'ASIDE', 'FIGURE', 'DL', 'FIELDSET', 'DETAILS', 'DIALOG'].includes(node.tagName);
      const block = BLOCKS.has(node.tagName);
      if (paragraph && !prefix) gap(); else if (block) flush();
      all(node);
      if (paragraph && !prefix) gap(); else if (block) flush();
    };
    if (document.body) visit(document.body);
    flush();
    const text = masked(lines.join('\n').replace(/\n{3,}/g, '\n\n').trim());
    return clip(text, limit);
  };

  // ---- drags of the page's own: whether one began since it was watched
  let dragBegun = false;
  const watchedDrags = new WeakSet();
  const watchDrags = () => {
    dragBegun = false;
    const watch = (view) => {
      if (watchedDrags.has(view)) return;
      watchedDrags.add(view);
      // after everybody else has had the chance to prevent it
      view.addEventListener('dragstart', (event) => queueMicrotask(() => { dragBegun = !event.defaultPrevented; }), { capture: true });
    };
    watch(window);
    walk((element) => { if (tagOf(element) === 'iframe') { let inner = null; try { inner = element.contentDocument; } catch { inner = null; } if (inner && inner.defaultView) watch(inner.defaultView); } });
    return null;
  };
  const dragBegan = () => dragBegun;

  // the file field that a mark is or labels
  const fileField = (id) => {
    const element = byId(id), field = element && (tagOf(element) === 'label' ? element.control : element);
    return field && tagOf(field) === 'input' && field.type === 'file' ? field : null;
  };

  const giveFiles = (field, files) => {
    const view = field.ownerDocument.defaultView, carried = new view.DataTransfer();
    for (const { name, type, base64 } of files) carried.items.add(new view.File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type }));
    field.files = carried.files;
    announce(field);
  };
  globalThis.__wayfarer = { byId, suspects, adopt, frameSpot, onTop, read, watchDrags, dragBegan, fileField, giveFiles, snapshot, guard, covers, rest, locate, at, prepare, expectPaste, paste, select, focusMoved, leftField };
})();
