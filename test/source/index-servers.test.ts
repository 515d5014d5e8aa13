/** The pages that servers make of a directory, each by the server itself. `npm run test:servers` has more of them. */
import { spawn } from 'node:child_process';

import test from 'ava';

import { startApache } from '../support/apache.js';
import { checkIndex, makeIndexedTree } from '../support/indexed-tree.js';
import { startLighttpd } from '../support/lighttpd.js';
import { startNginx } from '../support/nginx.js';
import { freePort, untilConnects } from '../support/port.js';

/** Apache shows none unless it is configured. */
const LINKS = ['link', 'link to a directory'];

// S30
test('nginx, in HTML and in JSON', async (t) => {
  const root = await makeIndexedTree(t);
  const html = await startNginx(t, { root });
  await checkIndex(t, html.origin, root, { sizes: 'some', times: true });
  const exact = await startNginx(t, { root, serverDirectives: 'autoindex_exact_size on;' });
  await checkIndex(t, exact.origin, root, { sizes: 'all', times: true });
  const json = await startNginx(t, { root, serverDirectives: 'autoindex_format json;' });
  await checkIndex(t, json.origin, root, { sizes: 'all', times: true });
});

for (const [name, options, sizes] of [
  ['plain', 'Charset=UTF-8', 'none'],
  ['FancyIndexing', 'FancyIndexing Charset=UTF-8', 'some'],
  ['FancyIndexing with whole names', 'FancyIndexing NameWidth=* Charset=UTF-8', 'some'],
  ['HTMLTable', 'FancyIndexing HTMLTable Charset=UTF-8', 'some'],
  ['HTMLTable in XHTML with old dates', 'FancyIndexing HTMLTable XHTML UseOldDateFormat', 'some'],
  ['FancyIndexing with old dates', 'FancyIndexing UseOldDateFormat SuppressColumnSorting', 'some'],
] as const) {
  test(`Apache: ${name}`, async (t) => {
    const root = await makeIndexedTree(t);
    await checkIndex(t, `http://${await startApache(t, root, options)}`, root, { sizes, without: LINKS });
  });
}

test('lighttpd', async (t) => {
  const root = await makeIndexedTree(t);
  const host = await startLighttpd(t, {
    root,
    modules: ['dirlisting'],
    directives: ['dir-listing.activate = "enable"', 'dir-listing.encoding = "utf-8"'],
  });
  await checkIndex(t, `http://${host}`, root);
});

test("Python's http.server", async (t) => {
  const root = await makeIndexedTree(t);
  const port = await freePort();
  const child = spawn('python3', ['-m', 'http.server', '--bind', '127.0.0.1', String(port)], {
    cwd: root,
    stdio: 'ignore',
  });
  t.teardown(() => child.kill('SIGKILL'));
  await untilConnects(port);
  await checkIndex(t, `http://127.0.0.1:${port}`, root);
});
