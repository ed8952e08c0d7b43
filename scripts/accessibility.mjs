// Looks for serious accessibility errors on pages of the worlds: agents read the accessibility tree, so an error there is an error here.
//
//   npm pack --silent axe-core && tar xzf axe-core-*.tgz package/axe.min.js
//   wayfarer sandbox serve --listen 127.0.0.1:8800 &
//   .wayfarer/driver/node scripts/accessibility.mjs package/axe.min.js http://skylark.localhost:8800/ http://casa.localhost:8800/ …
//
// Follows up to 12 links of each address within its site. Exit code 1 if anything serious or critical is found.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const { chromium } = createRequire(pathToFileURL(path.join(root, '.wayfarer/driver/package/index.js')))('./index.js');
const [axe, ...starts] = process.argv.slice(2);
if (!axe || !existsSync(axe) || !starts.length) {
  console.error('usage: accessibility.mjs AXE.min.js ADDRESS…');
  process.exit(2);
}
const executablePath = ['/usr/lib/chromium/chromium-headless-shell', '/usr/bin/chromium'].find(existsSync);
const browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0 });
let serious = 0, pages = 0;
for (const start of starts) {
  const page = await browser.newPage();
  const open = [start], seen = new Set();
  while (open.length && seen.size < 13) {
    const address = open.shift();
    if (seen.has(address)) continue;
    seen.add(address);
    try {
      const answer = await page.goto(address, { waitUntil: 'load', timeout: 20000 });
      if (!(answer?.headers()['content-type'] ?? '').includes('html')) continue;
    } catch { continue; }
    await page.addScriptTag({ path: axe });
    const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    pages += 1;
    for (const violation of found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))) {
      serious += 1;
      console.log(`${address}\n  ${violation.impact} ${violation.id}: ${violation.help} (${violation.nodes.length}) ${violation.nodes[0].html.slice(0, 140)}`);
    }
    const host = new URL(start).host;
    const links = await page.$$eval('a[href]', (all) => all.map((link) => link.href));
    for (const link of links) if (new URL(link).host === host && !link.includes('#')) open.push(link);
  }
  await page.close();
}
await browser.close();
console.log(`${pages} pages of ${starts.length} sites: ${serious} serious or critical errors`);
process.exit(serious ? 1 : 0);
