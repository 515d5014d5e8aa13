/** What one user, or one server, does to the others on a real mount. */
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { asRootSerially } from '../support/conditional-test.js';
import { type FaultServer, startFaultServer } from '../support/fault-server.js';
import { mounted, run, shell } from '../support/mounted.js';
import { until } from '../support/until.js';

const NOBODY = '65534';

const hostOf = ({ origin }: FaultServer): string => origin.slice('http://'.length);
const startFile = (t: ExecutionContext): Promise<FaultServer> =>
  startFaultServer(t, (request, response) =>
    request.url === '/f.txt' ? response.end('content') : response.writeHead(404).end(),
  );

async function mountForAll(t: ExecutionContext, ...options: string[]): Promise<string> {
  const mnt = await mounted(t, '--transport', 'dev-fuse', '--allow-other', ...options);
  await shell('chmod 755 "$(dirname "$1")"', mnt);
  return mnt;
}

const asNobody = (command: string, path: string): ReturnType<typeof run> =>
  run('setpriv', ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', command, path]);

asRootSerially('--allow-other refuses loopback, and says how to allow it', async (t) => {
  const server = await startFile(t);
  const mnt = await mountForAll(t);
  const host = hostOf(server);
  for (const name of [host, host.replace('127.0.0.1', 'localhost')]) {
    const { stderr } = await asNobody('cat', `${mnt}/http/${name}/f.txt`);
    t.regex(stderr, /Permission denied/, name);
  }
  t.is(server.requests.length, 0);
  const log = await readFile(join(mnt, '..', 'log'), 'utf8');
  t.regex(log, /127\.0\.0\.1 is refused: loopback/);
  t.regex(log, /--allow-address 127\.0\.0\.1/);
});

asRootSerially('users of a shared mount see the hosts that they used themselves', async (t) => {
  const [ours, theirs] = [await startFile(t), await startFile(t)];
  const mnt = await mountForAll(t, '--allow-address', '127.0.0.0/8');
  t.is((await run('cat', [`${mnt}/http/${hostOf(ours)}/f.txt`])).stdout, 'content');
  t.is((await asNobody('cat', `${mnt}/http/${hostOf(theirs)}/f.txt`)).stdout, 'content');
  t.is((await run('ls', [`${mnt}/http`])).stdout, `${hostOf(ours)}\n`);
  t.is((await asNobody('ls', `${mnt}/http`)).stdout, `${hostOf(theirs)}\n`);
});

const READERS = 80;
/** Reads from the midst of many files, each in a thread. Says when all are open, and when one has been read. */
const READ_MANY = `
import os, sys, threading
def read(file):
    try: os.pread(file, 65536, 1 << 20)
    finally: print('ended', flush=True)
files = [os.open(f'{sys.argv[1]}/f{i}.bin', os.O_RDONLY) for i in range(int(sys.argv[2]))]
for file in files: threading.Thread(target=read, args=(file,)).start()
print('reading', flush=True)
`;

test.serial('many readers of a server that hangs leave the kernel room for a read of another', async (t) => {
  const size = 4 << 20;
  const answer = (hangs: boolean): Promise<FaultServer> =>
    startFaultServer(t, ({ headers, url }, response) => {
      const [, first = '0', last = ''] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
      if (hangs && first !== '0') return;
      const body = Buffer.alloc(Math.min(Number(last) + 1, size) - Number(first), url);
      const range = `bytes ${first}-${Number(first) + body.length - 1}/${size}`;
      response.writeHead(206, { 'content-range': range, 'content-length': body.length, etag: `"${url}"` });
      response.end(body);
    });
  const [hung, healthy] = [await answer(true), await answer(false)];
  const mnt = await mounted(t, '--transport', 'dev-fuse');
  const readers = spawn('python3', ['-c', READ_MANY, `${mnt}/http/${hostOf(hung)}`, String(READERS)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => readers.kill('SIGKILL'));
  let text = '';
  readers.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await until('the readers read', () => text.includes('reading'));
  await until('the server hangs', () => hung.requests.length >= READERS + 8);
  const read = [`if=${mnt}/http/${hostOf(healthy)}/f.bin`, 'bs=64K', 'skip=16', 'count=1', 'status=none'];
  const bytes = await new Promise<number>((resolve, reject) => {
    execFile('dd', read, { encoding: 'buffer' }, (error, stdout) =>
      error === null ? resolve(stdout.length) : reject(error),
    );
  });
  t.is(bytes, 65_536);
  t.notRegex(text, /ended/, 'it waited for one of them');
});
