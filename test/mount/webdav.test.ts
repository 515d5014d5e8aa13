/** webdav through a mount: by real programs, what listings and reads cost, and what a refusal is to a program. */
import { cp, readFile, stat, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import {
  PASSWORD,
  startWebdav,
  WEBDAV_SERVERS,
  type WebdavHost,
  type WebdavServerName,
} from '../servers/webdav.js';
import { type StartedFront, startFaultFront } from '../support/fault-front.js';
import { type Mount, onDevFuse, run } from '../support/mounted.js';
import { configFile, makeOriginal, ok, readsAsOriginal } from '../support/original-tree.js';
import { temporaryDirectory } from '../support/temp.js';

const MIB = 1024 * 1024;
const SERVERS = Object.keys(WEBDAV_SERVERS) as WebdavServerName[];
/** A read of the kernel is of so many at the most. */
const READ_BYTES = MIB;

/** A rule as the configuration has it. */
function ruleFor(host: string, more: object = {}): object {
  // `auth`: the first request is not one to be asked.
  const credentials = { user: 'ada', password: PASSWORD, auth: 'basic' };
  return { match: { scheme: 'webdav', host }, credentials, ...more };
}

/** Apache behind a front that counts, below a mount. */
async function mountCounted(
  t: ExecutionContext,
  mount: Mount,
  ...options: string[]
): Promise<{ readonly server: WebdavHost; readonly front: StartedFront; readonly tree: string }> {
  const server = await startWebdav(t, 'Apache mod_dav');
  const front = await startFaultFront(t, server.origin);
  const mnt = await mount('--config', await configFile(t, ruleFor(front.host)), ...options);
  return { server, front, tree: `${mnt}/webdav/${front.host}` };
}

/** The requests since the last look. */
function taken({ requests }: StartedFront): string[] {
  return requests.splice(0).map(({ method, uri, range }) => `${method} ${uri} ${range}`.trim());
}

const REPOSITORY = `cd "$1" && git init -q work && cd work && echo content > file && git add file &&
  git -c user.name=a -c user.email=a@example.org commit -qm first && cd .. && git clone -q --bare work bare && rm -rf work`;

onDevFuse('real programs read webdav as the original, and git clones from it', async (t, mount) => {
  const original = await makeOriginal(t);
  await ok(t, REPOSITORY, original);
  for (const name of SERVERS) {
    const server = await startWebdav(t, name);
    await cp(original, join(server.root, 'tree'), { recursive: true, preserveTimestamps: true });
    const { host } = new URL(server.origin);
    const mnt = await mount('--config', await configFile(t, ruleFor(host, { root: '/tree' })));
    await readsAsOriginal(t, `${mnt}/webdav/${host}`, original);
    const clone = join(await temporaryDirectory(t), 'clone');
    const cloned = 'git -c safe.directory="*" clone -q "$1" "$2" && cat "$2/file"';
    t.is(await ok(t, cloned, `${mnt}/dav/${host}/bare`, clone), 'content\n');
    // Times are those of the source.
    const times = 'stat -c %Y "$1/data.sqlite"';
    t.is(await ok(t, times, `${mnt}/webdav/${host}`), await ok(t, times, original));
  }
});

onDevFuse('ls -l of 1,000 files is one PROPFIND, and cat of one of them one GET', async (t, mount) => {
  const { server, front, tree } = await mountCounted(t, mount);
  for (let i = 0; i < 1_000; i += 1) await server.put(`many/${i}`, 'x'.repeat(i % 100));
  const many = `${tree}/many`;
  await ok(t, 'ls -d "$1"', many);
  t.deepEqual(taken(front), ['PROPFIND /many']);
  const listed = await ok(t, 'ls -l "$1" | awk \'$5 == $9 % 100\' | wc -l', many);
  t.is(listed.trim(), '1000');
  t.deepEqual(taken(front), ['PROPFIND /many/']);
  t.is(await ok(t, 'cat "$1/42"', many), 'x'.repeat(42));
  t.deepEqual(taken(front), ['GET /many/42 bytes=0-65535']);
  await ok(t, 'cat "$1"/[1-9]? > /dev/null', many);
  t.is(taken(front).length, 89);
});

onDevFuse('a small file by its path is one PROPFIND for each step, and one GET', async (t, mount) => {
  const { server, front, tree } = await mountCounted(t, mount);
  await server.put('one/two/file', 'content');
  t.is(await ok(t, 'cat "$1/one/two/file"', tree), 'content');
  t.deepEqual(taken(front), [
    'PROPFIND /one',
    'PROPFIND /one/two',
    'PROPFIND /one/two/file',
    'GET /one/two/file bytes=0-65535',
  ]);
  t.is(await ok(t, 'cat "$1/one/two/file"', tree), 'content');
  t.deepEqual(taken(front), []);
});

onDevFuse(
  'with a latency of 50 ms, reading in order waits a fifth of what one read at a time does',
  async (t, mount) => {
    const { server, front, tree } = await mountCounted(t, mount);
    const size = 128 * MIB;
    await server.put('large', '');
    const file = join(server.root, 'large');
    const { mtime } = await stat(file);
    await truncate(file, size);
    // Of what changed within this second the tag is a weak one.
    await utimes(file, mtime, mtime);
    front.add({ delayMs: 50 });
    t.is((await ok(t, 'cat "$1/large" | wc -c', tree)).trim(), `${size}`);
    // How many of the requests came one behind the other: each of these is a latency more.
    let waits = 0;
    let endedMs = 0;
    for (const exchange of front.exchanges.toSorted((a, b) => a.endedMs - b.endedMs)) {
      if (exchange.beganMs < endedMs) continue;
      waits += 1;
      endedMs = exchange.endedMs;
    }
    const reads = size / READ_BYTES;
    t.true(
      waits > 0 && waits * 5 <= reads,
      `${waits} of ${front.requests.length} requests, for ${reads} reads`,
    );
  },
);

onDevFuse('a refusal is the errno that says it, and what to do is in the log', async (t, mount) => {
  const log = join(await temporaryDirectory(t), 'log');
  const { server, front, tree } = await mountCounted(t, mount, '--log-file', log, '--timeout', '2s');
  await server.put('dir/file', 'content');
  const refused = { denied: 403, gone: 410, locked: 423, busy: 503, page: 200, broken: 500 };
  for (const [name, status] of Object.entries(refused)) {
    front.add({
      meets: ({ url }) => url?.startsWith(`/${name}`) === true,
      answer: { status, body: '<html>' },
    });
  }
  for (const [path, outcome] of [
    ['dir/file', 'content'],
    ['none', 'No such file or directory'],
    ['dir/none', 'No such file or directory'],
    ['none/file', 'No such file or directory'],
    ['dir/file/none', 'Not a directory'],
    ['dir', 'Is a directory'],
    ['denied', 'Permission denied'],
    ['gone', 'No such file or directory'],
    ['locked', 'Resource temporarily unavailable'],
    ['busy', 'Resource temporarily unavailable'],
    ['page', 'Input/output error'],
    ['broken', 'Input/output error'],
  ] as const) {
    const { stdout, stderr } = await run('cat', [`${tree}/${path}`]);
    t.is(stdout || (/: ([^:]*)\n$/.exec(stderr)?.[1] ?? stderr), outcome, path);
  }
  const lines = await readFile(log, 'utf8');
  t.regex(lines, /the server does not speak WebDAV here/);
  t.regex(lines, /check the path, and `root` of the rule/);
  t.false(lines.includes(PASSWORD));
});

onDevFuse('--header goes to a server of webdav', async (t, mount) => {
  const server = await startWebdav(t, 'nginx dav-ext');
  await server.put('file', 'content');
  const { host } = new URL(server.origin);
  const pair = Buffer.from(`ada:${PASSWORD}`).toString('base64');
  const mnt = await mount('--header', `webdav://${host}: Authorization: Basic ${pair}`);
  for (const scheme of ['webdav', 'dav']) {
    t.is(await ok(t, 'cat "$1"', `${mnt}/${scheme}/${host}/file`), 'content');
  }
});
