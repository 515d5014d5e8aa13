import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { hostname } from 'node:os';
import { Script } from 'node:vm';

import test, { type ExecutionContext } from 'ava';

import { listen } from '../../src/control/listen.js';
import { bytesText, durationText, shareText } from '../../src/control/page/amounts.js';
import { html } from '../../src/control/page/html.js';
import { PAGE_POLICY, statusPage } from '../../src/control/page/status-page.js';
import { ESCAPED, HOSTILE, hostileReport } from '../support/hostile-report.js';
import { mountReport } from '../support/mount-report.js';
import { operatedMount } from '../support/operated-mount.js';

test('what is put into a template is text, in elements and in attributes', (t) => {
  t.is(html`<a title="${HOSTILE}">${HOSTILE}</a>`.text, `<a title="${ESCAPED}">${ESCAPED}</a>`);
  t.is(html`<b>${[html`<i>${1}</i>`, html`${undefined}`]}</b>`.text, '<b><i>1</i></b>');
});

test('the page shows hostile names and errors as text', (t) => {
  for (const scope of ['all', 'public'] as const) {
    const page = statusPage(hostileReport(), scope);
    t.true(page.includes(ESCAPED));
    t.false(page.includes('<script>globalThis'));
    t.is(page.split('<script>').length, 2, 'its own alone');
  }
});

test('the policy lets the script and the style of the page run, and nothing else', (t) => {
  const page = statusPage(mountReport(), 'all');
  for (const element of ['script', 'style']) {
    const [, text = ''] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(page) ?? [];
    const hash = createHash('sha256').update(text).digest('base64');
    t.true(PAGE_POLICY.includes(`${element}-src 'sha256-${hash}'`), element);
    if (element === 'script') t.notThrows(() => new Script(text));
  }
  t.notRegex(page, / (?:on\w+|style)=/, 'what the policy would block');
  t.notRegex(page, /(?:src|href)="(?!data:|metrics")/, 'nothing of elsewhere');
});

test('over the network the page has no path, no URL and no text of an error', (t) => {
  const report = mountReport({ state: 'degraded', problems: ['/etc/d7y-mount/config.yaml'] });
  const [all, shown] = [statusPage(report, 'all'), statusPage(report, 'public')];
  const secrets = [
    'no answer: s3://bucket.example.org/',
    '/etc/d7y-mount/config.yaml',
    'it fell',
    'status 500',
    'http://127.0.0.1:4001',
    '/cache',
    '4711',
  ];
  for (const secret of secrets) {
    t.true(all.includes(secret), secret);
    t.false(shown.includes(secret), secret);
  }
  t.true(shown.includes('TIMEOUT'), 'the kind of the last error');
});

test('numbers are short', (t) => {
  const texts = [0, 1023, 1024, 1.5 * 2 ** 30, 2 ** 70].map(bytesText);
  t.deepEqual(texts, ['0 B', '1023 B', '1.0 KiB', '1.5 GiB', '1048576 PiB']);
  const durations = [0.00025, 0.01, 0.25, 59.9, 600, 10_000, 1e6].map(durationText);
  t.deepEqual(durations, ['0.25 ms', '10 ms', '0.3 s', '59 s', '10 min', '2 h 46 min', '11 days']);
  t.deepEqual([shareText(0, 0), shareText(1, 3), shareText(3, 3)], ['–', '33.3 %', '100 %']);
});

/** The status of the answer to a request with these headers. */
async function statusOf(port: number, path: string, headers: Record<string, string>): Promise<number> {
  return await new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject).end();
  });
}

async function publicPort(t: ExecutionContext): Promise<number> {
  const listening = await listen({ host: '127.0.0.1', port: 0 }, operatedMount(), 'public');
  t.teardown(listening.close);
  return listening.port ?? 0;
}

test('a name that was made to lead here is refused, and so is a page of elsewhere', async (t) => {
  const port = await publicPort(t);
  const own = [`127.0.0.1:${port}`, '[::1]:9570', 'localhost', `a.localhost:${port}`, hostname(), '10.1.2.3'];
  for (const host of own) t.is(await statusOf(port, '/', { host }), 200, host);
  for (const host of [
    'evil.example',
    'evil.example:9570',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    'localhost.',
  ]) {
    t.is(await statusOf(port, '/', { host }), 403, host);
    t.is(await statusOf(port, '/metrics', { host }), 403, host);
  }
  t.is(await statusOf(port, '/livez', { host: 'balancer.example' }), 200);
  for (const path of ['/', '/metrics', '/livez'])
    t.is(await statusOf(port, path, { origin: `http://127.0.0.1:${port}` }), 403);
});

test('the page comes with headers that keep it to itself', async (t) => {
  const port = await publicPort(t);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  t.is(response.headers.get('content-type'), 'text/html; charset=utf-8');
  t.is(response.headers.get('content-security-policy'), PAGE_POLICY);
  t.is(response.headers.get('x-content-type-options'), 'nosniff');
  t.is(response.headers.get('access-control-allow-origin'), null);
  t.true((await response.text()).startsWith('<!doctype html>'));
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
  t.is(metrics.headers.get('content-security-policy'), "default-src 'none'");
});
