/** The pages of more servers, each by the server itself; those of `npm test` are in test/source/index-servers.test.ts. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { percentDecoded } from '../../src/source/byte-text.js';
import { IndexPage } from '../../src/source/http/index-page.js';
import { testWhere } from '../support/conditional-test.js';
import { checkIndex, makeIndexedTree } from '../support/indexed-tree.js';
import { freePort } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { startServerProcess } from './server-process.js';
import { testWith } from './with-tool.js';

const hasCaddy = spawnSync('which', ['caddy']).status === 0;

testWhere(hasCaddy, 'caddy')('Caddy, in JSON as it is asked, and in HTML', async (t) => {
  const root = await makeIndexedTree(t);
  const port = await freePort();
  const home = await temporaryDirectory(t);
  const environment = { HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
  const address = `127.0.0.1:${port}`;
  await startServerProcess(
    t,
    port,
    ['caddy', 'file-server', '--browse', '--listen', address, '--root', root],
    environment,
  );
  await checkIndex(t, `http://${address}`, root, { sizes: 'all', times: true });
  const url = new URL(`http://${address}/`);
  const answer = await fetch(url, { headers: { accept: 'text/html' } });
  const page = new IndexPage(answer.headers.get('content-type'), url);
  await page.write(new Uint8Array(await answer.arrayBuffer()));
  const asJson = await fetch(url, { headers: { accept: 'application/json' } });
  const rows = (await asJson.json()) as readonly { readonly name: string }[];
  t.deepEqual(
    (await page.end()).map(({ name, isDir }) => `${percentDecoded(name)}${isDir ? '/' : ''}`).toSorted(),
    rows.map(({ name }) => name).toSorted(),
  );
});

testWith('python/bin/rclone', 'rclone serve http', async (t, rclone) => {
  const root = await makeIndexedTree(t);
  const port = await freePort();
  const words = [rclone, 'serve', 'http', '--addr', `127.0.0.1:${port}`, root];
  await startServerProcess(t, port, words, {
    RCLONE_CONFIG: join(await temporaryDirectory(t), 'rclone.conf'),
  });
  await checkIndex(t, `http://127.0.0.1:${port}`, root, {
    sizes: 'all',
    times: true,
    without: ['link', 'link to a directory'],
  });
});

testWith(
  'node-servers/node_modules/http-server/bin/http-server',
  "Node's http-server",
  async (t, program) => {
    const root = await makeIndexedTree(t);
    const port = await freePort();
    await startServerProcess(t, port, [
      process.execPath,
      program,
      root,
      '-a',
      '127.0.0.1',
      '-p',
      String(port),
      '-s',
    ]);
    await checkIndex(t, `http://127.0.0.1:${port}`, root);
  },
);

testWith('node-servers/node_modules/serve-handler/src/index.js', "Node's serve", async (t, module) => {
  // It cannot send a name that is not Latin-1 in a header.
  const root = await makeIndexedTree(t, ['naïve-日本.txt']);
  const port = await freePort();
  const script = join(await temporaryDirectory(t), 'serve.cjs');
  const options = JSON.stringify({ public: root, symlinks: true });
  await writeFile(
    script,
    `const serve = require(${JSON.stringify(module)});
require('node:http').createServer((request, response) => serve(request, response, ${options})).listen(${port}, '127.0.0.1');`,
  );
  await startServerProcess(t, port, [process.execPath, script]);
  await checkIndex(t, `http://127.0.0.1:${port}`, root, { asFiles: ['link to a directory'] });
});
