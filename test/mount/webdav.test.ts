/** webdav through a mount: by real programs, what listings and reads cost, and what a refusal is to a program. */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import {
  PASSWORD,
  startWebdav,
  WEBDAV_SERVERS,
  type WebdavHost,
  type WebdavServerName,
} from '../servers/webdav.js';
import { type FaultFront, startFaultFront } from '../support/fault-front.js';
import { onDevFuse, run } from '../support/mounted.js';
import { configFile, makeOriginal, ok, readsAsOriginal } from '../support/original-tree.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

const SERVERS = Object.keys(WEBDAV_SERVERS) as WebdavServerName[];

/** A rule as the configuration has it. */
function ruleFor(host: string, more: object = {}): object {
  return { match: { scheme: 'webdav', host }, credentials: { user: 'ada', password: PASSWORD }, ...more };
}

/** With a front that counts. */
async function startCounted(t: ExecutionContext): Promise<WebdavHost & { readonly front: FaultFront }> {
  const server = await startWebdav(t, 'Apache mod_dav');
  return { ...server, front: await startFaultFront(t, server.origin) };
}

function taken({ requests }: FaultFront): string[] {
  return requests.splice(0).map(({ method, uri, range }) => `${method} ${uri} ${range}`.trim());
}

onDevFuse('real programs read webdav as the original, and git clones from it', async (t, mount) => {
  const original = await makeOriginal(t);
  await ok(t, GIT, original);
  for (const name of SERVERS) {
    const server = await startWebdav(t, name);
    await cp(original, join(server.root, 'tree'), { recursive: true, preserveTimestamps: true });
    const { host } = new URL(server.origin);
    const mnt = await mount('--config', await configFile(t, ruleFor(host, { root: '/tree' })));
    await readsAsOriginal(t, `${mnt}/webdav/${host}`, original);
    await ok(
      t,
      'git clone -q "$1" "$2" && cat "$2/file"',
      `${mnt}/dav/${host}/bare`,
      join(server.root, 'clone'),
    );
  }
});

/** A bare repository, without the files that a web server might not list. */
const GIT = `cd "$1" && mkdir work && cd work && git init -q . && echo content > file && git add file &&
  git -c user.name=a -c user.email=a@example.org commit -qm first && cd .. && git clone -q --bare work bare && rm -r work`;

onDevFuse('ls -l of 1,000 files is one PROPFIND, and cat of one of them one GET', async (t, mount) => {
  const server = await startCounted(t);
  for (let i = 0; i < 1_000; i += 1) await server.put(`many/${i}`, 'x'.repeat(i % 100));
  await server.put('many/large', pattern(300_000));
  const { host } = server.front;
  const mnt = await mount('--config', await configFile(t, ruleFor(host)));
  const many = `${mnt}/webdav/${host}/many`;
  await ok(t, 'ls -d "$1"', many);
  t.log(taken(server.front));
  const listed = await ok(t, 'ls -l "$1" | awk \'$5 == $9 % 100\' | wc -l', many);
  t.log(listed, taken(server.front));
  t.is(await ok(t, 'cat "$1/42"', many), 'x'.repeat(42));
  t.log(taken(server.front));
  t.is(await ok(t, 'cat "$1/41"', many), 'x'.repeat(41));
  t.log(taken(server.front));
  await ok(t, 'cat "$1/large" >/dev/null', many);
  t.log(taken(server.front));
  await server.put('one/two/file', 'content');
  await ok(t, 'cat "$1/../one/two/file"', many);
  t.log(taken(server.front));
  void [readFile, run, temporaryDirectory];
});
