const N = '__N__', T = '__T__', HOME = 'http://public.localhost';
const HOSTPORT = new URL(T).host, PORT = new URL(T).port;
const send = (path, body) => fetch(HOME + path + N, { method: 'POST', body, keepalive: true }).catch(() => 0);
let over = false;
const done = () => { if (!over) { over = true; return send('/done/', ''); } };
const tell = (text) => send('/told/', String(text));
const tick = (ms) => new Promise((d) => setTimeout(d, ms));
const add = (html) => { document.body.insertAdjacentHTML('beforeend', html); return document.body.lastElementChild; };
const style = (text) => { const s = document.createElement('style'); s.textContent = text; document.head.append(s); };
const el0 = async (tag, properties) => { document.head.append(Object.assign(document.createElement(tag), properties)); };
const el = (tag, attributes) => new Promise((d) => {
  const e = document.createElement(tag);
  e.onload = e.onerror = d;
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  document.body.append(e);
});
const submit = (method, action, enctype, target) => {
  if (!target) { target = 'frame' + N; add('<iframe name=' + target + '></iframe>'); }
  const f = Object.assign(document.createElement('form'), { method, action, target });
  if (enctype) f.enctype = enctype;
  f.innerHTML = '<input name=a value="b">';
  document.body.append(f);
  f.submit();
};
const serve = async () => {
  const r = await navigator.serviceWorker.register('/worker/' + N + '.js', { scope: '/attack/' + N + '/' });
  const w = r.installing || r.waiting || r.active;
  await new Promise((d) => { const look = () => ['activated', 'redundant'].includes(w.state) && d(); w.onstatechange = look; look(); });
};
const call = async (iceServers, candidate) => {
  const [a, b] = [new RTCPeerConnection({ iceServers }), new RTCPeerConnection({ iceServers })];
  a.createDataChannel('x');
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  if (candidate) await a.addIceCandidate({ candidate, sdpMid: '0', sdpMLineIndex: 0 }).catch(() => 0);
  await tick(1500);
  a.close();
  b.close();
};
setTimeout(done, 5000);
(async () => { __SCRIPT__ })().catch(() => 0).then(done);
