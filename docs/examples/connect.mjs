// A stock Playwright in a browser session of the farm.
//
//   npm install playwright-core
//   WAYFARER_FARM=http://127.0.0.1:7430 WAYFARER_KEY=… node connect.mjs https://example.org/
import { chromium } from 'playwright-core';

const { WAYFARER_FARM: farm, WAYFARER_KEY: key } = process.env;
const address = process.argv[2] ?? 'https://example.org/';
const headers = { authorization: `Bearer ${key}` };

// a browser of one's own, for two minutes; `renew` gives it two more
const made = await fetch(`${farm}/v1/sessions`, {
  method: 'POST',
  headers,
  body: JSON.stringify({ ttlSeconds: 120, viewport: { width: 1280, height: 800 } }),
});
if (!made.ok) throw new Error(`no session: ${made.status} ${await made.text()}`);
const session = await made.json();
console.log(`session ${session.id} until ${session.expiresAt}`);
console.log(`watch it: ${session.liveViewUrl}`);

try {
  const browser = await chromium.connectOverCDP(session.connectUrl);
  // a session has one context, and its first page is there
  const page = browser.contexts()[0].pages()[0];
  await page.goto(address);
  console.log(`title: ${await page.title()}`);
  console.log(`links: ${await page.getByRole('link').count()}`);
  await page.screenshot({ path: 'session.png' });
  await browser.close();
} finally {
  await fetch(`${farm}/v1/sessions/${session.id}`, { method: 'DELETE', headers });
}
