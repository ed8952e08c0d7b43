// What a client can do with its browser, and what it cannot: prints what came of each try as one JSON object.
import { chromium } from 'playwright-core';

const [connectUrl, site, canary] = process.argv.slice(2);
const found = {};
const tried = async (name, work) => {
  try {
    found[name] = await work();
  } catch (error) {
    found[name] = `refused: ${String(error.message).split('\n')[0]}`;
  }
};

const browser = await chromium.connectOverCDP(connectUrl);
const context = browser.contexts()[0];
const page = context.pages()[0];
await page.goto(`${site}/form`);
await page.getByLabel('Name').fill('Ada');
await page.getByRole('button', { name: 'Greet' }).click();
found.greeting = await page.getByRole('status').textContent();
found.language = await page.evaluate('navigator.language + " " + Intl.DateTimeFormat().resolvedOptions().timeZone + " " + document.cookie');
found.picture = (await page.screenshot()).length > 1000;
// a window that a page opens is a page of the context
const [popup] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Elsewhere' }).click()]);
await popup.waitForLoadState();
found.popup = await popup.title();
const second = await context.newPage();
await second.goto(`${site}/form`);
found.second = await second.title();
await second.close();
// a request can be answered by the client
await page.route('**/made-up', (route) => route.fulfill({ body: 'by the client' }));
found.routed = await page.evaluate(`fetch('${site}/made-up').then((answer) => answer.text())`);

await tried('file', () => page.goto('file:///etc/passwd').then(() => page.content()));
await tried('source', () => page.goto('view-source:file:///etc/passwd').then(() => page.content()));
await tried('chrome', () => page.goto('chrome://version').then(() => page.content()));
await tried('private', async () => (await page.goto(`http://127.0.0.1:${canary}/`)).headers()['x-wayfarer-egress']);
await tried('context', () => browser.newContext({ proxy: { server: `http://127.0.0.1:${canary}` } }).then(() => 'made'));
const cdp = await context.newCDPSession(page);
const call = (method, params) => tried(method, () => cdp.send(method, params).then((answer) => JSON.stringify(answer)));
await call('Browser.getBrowserCommandLine');
await call('SystemInfo.getInfo');
await call('Tethering.bind', { port: 1234 });
await call('Target.setRemoteLocations', { locations: [{ host: '127.0.0.1', port: +canary }] });
// a call inside of a call is judged by nobody
const root = await browser.newBrowserCDPSession();
await tried('inside', async () => {
  const { targetInfos } = await root.send('Target.getTargets');
  const { sessionId } = await root.send('Target.attachToTarget', { targetId: targetInfos.find(({ type }) => type === 'page').targetId, flatten: false });
  const message = JSON.stringify({ id: 1, method: 'Page.navigate', params: { url: 'file:///etc/passwd' } });
  await root.send('Target.sendMessageToTarget', { sessionId, message });
  await page.waitForURL('file:///**', { timeout: 5000 });
  return page.content();
});
await page.goto(`${site}/form`);
await call('Input.dispatchDragEvent', { type: 'drop', x: 10, y: 10, data: { items: [], files: ['/etc/passwd'], dragOperationsMask: 1 } });
await tried('upload', () => page.locator('input[type=file]').setInputFiles('/etc/hostname').then(() => page.locator('input[type=file]').evaluate((field) => field.files.length)));
await call('DOM.setFileInputFiles', { files: ['/etc/passwd'], backendNodeId: 1 });
await tried('calls', () => page.evaluate('new RTCPeerConnection()'));
await tried('calls of a window', () => page.evaluate("new (window.open('about:blank').RTCPeerConnection)()"));
// a world beside the page's, where only the browser's own flag is in the way
const { frameTree } = await cdp.send('Page.getFrameTree');
const { executionContextId } = await cdp.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
await tried('callers', async () => (await cdp.send('Runtime.evaluate', { contextId: executionContextId, awaitPromise: true, returnByValue: true, expression: `(async () => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:${canary}' }] });
  const candidates = [];
  peer.onicecandidate = (event) => event.candidate && candidates.push(event.candidate.candidate);
  peer.createDataChannel('x');
  await peer.setLocalDescription(await peer.createOffer());
  await new Promise((done) => setTimeout(done, 700));
  return candidates.length;
})()` })).result.value);
console.log(JSON.stringify(found));
await browser.close();
