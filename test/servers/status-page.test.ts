/** The status page in a browser: of a real mount, and with text of enemies. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';

import type { ExecutionContext } from 'ava';

import { listen } from '../../src/control/listen.js';
import { hasChromium, startChromium, type Tab } from '../support/chromium.js';
import { testWhere } from '../support/conditional-test.js';
import { hostileReport } from '../support/hostile-report.js';
import { mounted, run } from '../support/mounted.js';
import { operatedMount } from '../support/operated-mount.js';
import { freePort } from '../support/port.js';
import { until } from '../support/until.js';

const withChromium = testWhere(hasChromium, 'chromium');

/** Where screenshots go for somebody who wants to look at the page. */
const SCREENSHOTS = process.env['D7Y_SCREENSHOTS'];

async function screenshot(tab: Tab, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  // A table that scrolls is drawn a moment after a change of size.
  await tab.evaluate('new Promise((resolve) => setTimeout(resolve, 300))');
  const { data } = await tab.call('Page.captureScreenshot', { captureBeyondViewport: true });
  await writeFile(join(SCREENSHOTS, `${name}.png`), Buffer.from(String(data), 'base64'));
}

async function show(tab: Tab, width: number, scheme: 'light' | 'dark'): Promise<void> {
  const metrics = { width, height: 1000, deviceScaleFactor: 1, mobile: width < 600 };
  await tab.call('Emulation.setDeviceMetricsOverride', metrics);
  await tab.call('Emulation.setEmulatedMedia', {
    features: [{ name: 'prefers-color-scheme', value: scheme }],
  });
}

/** A server of files of 4 MiB. */
async function origin(t: ExecutionContext): Promise<string> {
  const content = Buffer.alloc(4 << 20, createHash('sha256').update('x').digest());
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/missing') === true) {
      response.writeHead(503).end();
      return;
    }
    const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const end = Math.min(content.length, to === '' ? Infinity : Number(to) + 1);
    const part = content.subarray(Number(from), end);
    response.writeHead(206, {
      etag: '"1"',
      'content-length': part.length,
      'content-range': `bytes ${from}-${end - 1}/${content.length}`,
    });
    response.end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

const textOf = (id: string): string => `document.getElementById(${JSON.stringify(id)}).textContent`;

withChromium('the page of a mount follows what it reads, and has no faults', async (t) => {
  const [host, port] = [await origin(t), await freePort()];
  const mountpoint = await mounted(t, '--metrics-listen', `127.0.0.1:${port}`, '--retries', '0');
  const tab = await startChromium(t);
  await show(tab, 1280, 'light');
  const address = `http://127.0.0.1:${port}/`;
  await tab.open(address);
  t.is(await tab.evaluate('document.title'), `${mountpoint}: ready`);
  t.regex(String(await tab.evaluate(textOf('sources'))), /No source was used yet/);
  for (let i = 0; i < 3; i += 1)
    t.is((await run('cat', [join(mountpoint, `http/${host}/${i}.bin`)])).code, 0);
  await until('the bytes are shown', async () =>
    // The first bytes are in the page cache when a file is opened.
    /^(?:12\.0|11\.\d) MiB/.test(String(await tab.evaluate(textOf('total-source')))),
  );
  t.regex(String(await tab.evaluate(textOf('sources'))), new RegExp(`http://${host}`));
  t.regex(String(await tab.evaluate(textOf('rate'))), /MB\/s$/);
  const points = "document.querySelector('polygon.source').getAttribute('points')";
  t.regex(String(await tab.evaluate(points)), /^\d+\.\d,\d+\.\d /);
  // And again from memory, and something that fails.
  for (let i = 0; i < 3; i += 1)
    await run('dd', [
      `if=${join(mountpoint, `http/${host}/${i}.bin`)}`,
      'of=/dev/null',
      'bs=1M',
      'iflag=direct',
    ]);
  t.not((await run('cat', [join(mountpoint, `http/${host}/missing.bin`)])).code, 0);
  await until('the failure is shown', async () =>
    String(await tab.evaluate(textOf('sources'))).includes('failing'),
  );
  t.is(await tab.evaluate("document.querySelector('.state.degraded').textContent"), 'degraded');
  await screenshot(tab, 'wide-light');
  for (const [width, scheme] of [
    [1280, 'dark'],
    [390, 'light'],
    [390, 'dark'],
    [320, 'light'],
  ] as const) {
    await show(tab, width, scheme);
    const tooWide = 'document.documentElement.scrollWidth - window.innerWidth';
    t.true(Number(await tab.evaluate(tooWide)) <= 0, `${width} pixels are enough`);
    await screenshot(tab, `${width}-${scheme}`);
  }
  t.deepEqual(tab.problems, []);
  t.deepEqual([...new Set(tab.requests)], [address, 'data:,'].slice(0, new Set(tab.requests).size));
});

withChromium('text of enemies is shown as text, and nothing of it runs', async (t) => {
  const listening = await listen(
    { host: '127.0.0.1', port: 0 },
    operatedMount({ report: hostileReport }),
    'all',
  );
  t.teardown(listening.close);
  const tab = await startChromium(t);
  await show(tab, 1280, 'light');
  let refreshed = 0;
  await tab.open(`http://127.0.0.1:${listening.port}/`);
  await until('it was fetched again', async () => {
    refreshed = tab.requests.length;
    return refreshed >= 3;
  });
  t.is(await tab.evaluate('typeof globalThis.ran'), 'undefined');
  t.is(await tab.evaluate("document.querySelectorAll('main script, main img, header script').length"), 0);
  t.true(String(await tab.evaluate('document.body.textContent')).includes('<script>globalThis.ran'));
  // What would run without the policy.
  await tab.evaluate(
    `document.getElementById('sources').innerHTML = '<img src=x onerror="globalThis.ran = 1">'`,
  );
  await tab.evaluate('new Promise((resolve) => setTimeout(resolve, 200))');
  t.is(await tab.evaluate('typeof globalThis.ran'), 'undefined');
  await screenshot(tab, 'hostile');
});

withChromium('without a script the figures are there', async (t) => {
  const listening = await listen({ host: '127.0.0.1', port: 0 }, operatedMount(), 'all');
  t.teardown(listening.close);
  const tab = await startChromium(t);
  await tab.call('Emulation.setScriptExecutionDisabled', { value: true });
  await tab.open(`http://127.0.0.1:${listening.port}/`);
  const { root } = await tab.call('DOM.getDocument', { depth: -1 });
  const { outerHTML } = await tab.call('DOM.getOuterHTML', {
    nodeId: (root as { readonly nodeId: number }).nodeId,
  });
  t.regex(String(outerHTML), /bucket\.example\.org/);
  t.regex(String(outerHTML), /75\.0 %/, 'the hit rate');
});

withChromium('the page says when the mount does not answer', async (t) => {
  const listening = await listen({ host: '127.0.0.1', port: 0 }, operatedMount(), 'all');
  const tab = await startChromium(t);
  await tab.open(`http://127.0.0.1:${listening.port}/`);
  await listening.close();
  await until(
    'it says so',
    async () => (await tab.evaluate(textOf('answer'))) === 'The mount does not answer.',
  );
  t.pass();
});
