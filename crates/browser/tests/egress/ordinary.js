const OTHER = 'http://other.localhost';
const tick = (ms) => new Promise((d) => setTimeout(d, ms));
const text = async (url) => (await fetch(url)).text();
const until = async (look) => { for (let i = 0; i < 100; i++) { if (await look()) return true; await tick(50); } return 'never'; };
const loads = (tag, attributes) => new Promise((d) => { const e = document.createElement(tag); e.onload = () => d(true); e.onerror = () => d('error'); Object.assign(e, attributes); document.body.append(e); });
const socket = (url) => new Promise((d) => { const w = new WebSocket(url); w.onopen = () => w.send('hello'); w.onmessage = (m) => { w.close(); d(m.data === 'hello'); }; w.onerror = () => d('error'); });
const worker = (w) => new Promise((d) => { w.onmessage = (m) => d(m.data); w.onerror = (e) => d('error ' + e.message); });
const form = (action, method, fields, frame) => {
  const f = Object.assign(document.createElement('form'), { action, method, target: frame.name });
  for (const [name, value] of Object.entries(fields)) f.append(Object.assign(document.createElement('input'), { name, value }));
  document.body.append(f);
  f.submit();
};
const frame = async (go) => {
  const f = document.createElement('iframe');
  f.name = 'form-frame';
  document.body.append(f);
  go(f);
  await until(() => f.contentDocument.body.textContent);
  return f.contentDocument.body.textContent;
};
const said = (value) => fetch('/told/__N__', { method: 'POST', body: String(value) }).then(() => fetch('/done/__N__', { method: 'POST' }));
(async () => { __SCRIPT__ })().catch((error) => 'threw ' + error).then(said);
