const MARKER = 'CANARY-CONTENT-7d1f';
const tell = (id, text) => fetch('/told/' + id, { method: 'POST', body: String(text), keepalive: true }).catch(() => 0);
const tick = (ms) => new Promise((d) => setTimeout(d, ms));
const on = (target, ...names) => new Promise((d) => names.forEach((name) => target.addEventListener(name, d)));
const put = (tag, attributes) => { const e = document.createElement(tag); for (const [n, v] of Object.entries(attributes)) e.setAttribute(n, v); document.body.append(e); return e; };
// what a document shows, if it may be read
const inside = (get) => { try { const d = get(); return d ? d.documentElement.innerText + ' ' + d.documentElement.innerHTML : ''; } catch { return ''; } };
const suspicious = (text) => text.includes(MARKER) || /Chromium\/|Index of|chrome:\/\/|devtools/.test(text);
const look = (id, text) => suspicious(text) && tell(id, text);
const ways = {
  fetch: (id, u) => fetch(u, { mode: 'no-cors' }).then((r) => r.text()).then((t) => look(id, t)),
  read: (id, u) => fetch(u).then((r) => r.text()).then((t) => look(id, t)),
  websocket: async (id, u) => { const w = new WebSocket(u.replace(/^http/, 'ws')); await on(w, 'open', 'error'); },
  tls: (id, u) => fetch(u.replace(/^http/, 'https'), { mode: 'no-cors' }),
  redirect: (id, u) => fetch('/away?to=' + encodeURIComponent(u), { mode: 'no-cors' }),
  image: async (id, u) => { const i = new Image(); i.src = u; await on(i, 'load', 'error'); },
  frame: async (id, u) => { const f = put('iframe', { src: u }); await Promise.race([on(f, 'load'), tick(1500)]); await tick(100); look(id, inside(() => f.contentDocument)); },
  'frame by redirect': async (id, u) => { const f = put('iframe', { src: '/away?to=' + encodeURIComponent(u) }); await Promise.race([on(f, 'load'), tick(1500)]); look(id, inside(() => f.contentDocument)); },
  object: async (id, u) => { const o = put('object', { data: u, width: 20, height: 20 }); await Promise.race([on(o, 'load', 'error'), tick(800)]); look(id, inside(() => o.contentDocument)); },
  script: async (id, u) => { delete self.canaryRan; const s = put('script', { src: u }); await Promise.race([on(s, 'load', 'error'), tick(800)]); if (self.canaryRan) tell(id, MARKER + ' ran'); },
  style: async (id, u) => { const l = put('link', { rel: 'stylesheet', href: u }); await Promise.race([on(l, 'load', 'error'), tick(800)]); look(id, [...document.styleSheets].map((s) => { try { return [...s.cssRules].map((r) => r.cssText).join(); } catch { return ''; } }).join()); },
  worker: async (id, u) => { const w = new Worker(u); await Promise.race([on(w, 'message', 'error'), tick(800)]); w.terminate(); },
  request: async (id, u) => { const x = new XMLHttpRequest(); x.open('GET', u); x.send(); await on(x, 'loadend'); look(id, x.responseText); },
  'pop-up': async (id, u) => { const w = open(u); if (!w) return; await tick(500); look(id, inside(() => w.document)); w.close(); },
  'pop-up that goes': async (id, u) => { const w = open('about:blank'); if (!w) return; try { w.location = u; } catch {} await tick(500); look(id, inside(() => w.document)); w.close(); },
};
const TRIES = __TRIES__;
const one = ([id, way, url]) => Promise.race([Promise.resolve().then(() => ways[way](id, url)).catch(() => 0), tick(7000)]);
Promise.all(TRIES.map(one)).then(() => fetch('/done/' + N, { method: 'POST', keepalive: true }));
