/** The files that docs/ARCHITECTURE.md says a read passes are those that run for one. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { type Profiler, Session } from 'node:inspector/promises';
import { join } from 'node:path';

import test from 'ava';
import { pino } from 'pino';

import { DEFAULT_CACHE_OPTIONS } from '../../src/cache/cache-options.js';
import { CachedResources } from '../../src/cache/cached-resources.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { devFuseTransport } from '../../src/mount/dev-fuse/dev-fuse-transport.js';
import { MountActivity } from '../../src/mount/mount-activity.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { openStore } from '../cache/disk-store-support.js';
import { startFaultServer } from '../support/fault-server.js';
import { run } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

const CONTENT = pattern(16 * 1024 * 1024);
const [BLOCK, AT] = [4096, 2500];
/** Opens a file, and reads a block of it at a line of input. */
const READER = 'exec 3<"$1"; echo open; read line; dd bs=$2 count=1 skip=$3 <&3 2>/dev/null | sha256sum';

/** In the rows of the table: the second cell, where a name without a folder is in that of the one before it. */
async function namedFiles(): Promise<string[]> {
  const text = await readFile('docs/ARCHITECTURE.md', 'utf8');
  const start = text.indexOf('### The files of a read');
  const rows = text.slice(start, text.indexOf('\n### ', start + 1)).matchAll(/^\| \d[^|]*\|([^|]*)\|/gm);
  let folder = '';
  return [...rows].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => {
      if (name.includes('/')) folder = name.slice(0, name.lastIndexOf('/') + 1);
      return name.includes('/') ? name : folder + name;
    }),
  );
}

/** The files of the program of which something has run since the last time. */
async function ran(session: Session): Promise<Set<string>> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const hasRun = ({ functions }: Profiler.ScriptCoverage): boolean =>
    functions.some(({ ranges: [range] }) => (range?.count ?? 0) > 0);
  return new Set(result.filter(hasRun).map(({ url }) => url.replace(/^.*\/dist\/(.*)\.js$/, '$1.ts')));
}

test.serial('a read passes the files that docs/ARCHITECTURE.md names', async (t) => {
  const server = await startFaultServer(t, ({ headers }, response) => {
    const [, first = '0', last = ''] = /bytes=(\d+)-(\d*)/.exec(headers.range ?? '') ?? [];
    const part = CONTENT.subarray(Number(first), last === '' ? CONTENT.length : Number(last) + 1);
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${CONTENT.length}`;
    response.writeHead(206, { etag: '"1"', 'content-range': range, 'content-length': part.length });
    response.end(part);
  });
  const http = createHttpClient();
  const client = validatingClient(http);
  const [budget, log] = [MetadataBudget.beside(0), pino({ level: 'silent' })];
  const disk = await openStore(await temporaryDirectory(t), { blockBytes: DEFAULT_CACHE_OPTIONS.blockBytes });
  const cache = new CachedResources({}, { clientFor: async () => client, budget, log, disk });
  const vfs = new VirtualFs({
    cache,
    plugins: {
      isServed: (scheme) => Promise.resolve(scheme === 'http'),
      listClients: () => ['http'],
      describe: () => undefined,
    },
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget,
  });
  const mountpoint = join(await temporaryDirectory(t), 'mnt');
  await mkdir(mountpoint);
  const mount = await devFuseTransport(log).mount(vfs, mountpoint, {
    allowOther: false,
    checksPermissions: false,
    source: 'd7y-mount',
    exec: true,
    passthrough: true,
    operationLimitMs: 10_000,
    activity: new MountActivity(),
  });
  t.teardown(async () => {
    await run('umount', ['-l', mountpoint]);
    await mount.unmount();
    await mount.ended;
    await cache.close();
    await http.close();
  });
  const path = join(mountpoint, 'http', new URL(server.origin).host, 'file.bin');
  const reader = spawn('sh', ['-c', READER, 'sh', path, String(BLOCK), String(AT)], { stdio: 'pipe' });
  await once(reader.stdout, 'data');
  const session = new Session();
  session.connect();
  t.teardown(() => session.disconnect());
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await ran(session);
  reader.stdin.end('\n');
  const [found] = (await once(reader.stdout, 'data')) as [Buffer];
  const expected = createHash('sha256').update(CONTENT.subarray(AT * BLOCK, (AT + 1) * BLOCK));
  t.is(found.toString().slice(0, 64), expected.digest('hex'));
  const [named, passed] = [await namedFiles(), await ran(session)];
  t.is(named.length, 30);
  t.deepEqual(
    named.filter((file) => !passed.has(file)),
    [],
  );
});
