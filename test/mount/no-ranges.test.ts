import { spawn } from 'node:child_process';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { startFaultServer } from '../support/fault-server.js';
import { eachTransport, onDevFuse, mounted, run, shell, unmount } from '../support/mounted.js';
import { isOpen } from '../support/is-open.js';
import { type Nginx, startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const FILE_BYTES = 32 * 1024 * 1024 + 5;

async function site(t: ExecutionContext, directives: string): Promise<{ nginx: Nginx; original: string }> {
  const root = await temporaryDirectory(t);
  const original = join(root, 'file.bin');
  await shell('head -c "$2" /dev/urandom > "$1"', original, String(FILE_BYTES));
  return { nginx: await startNginx(t, { root, serverDirectives: `max_ranges 0; ${directives}` }), original };
}

/** What was sent in each answer. An answer is in the log when it has ended, so the mount is ended first. */
async function answers(t: ExecutionContext, nginx: Nginx, mnt: string): Promise<number[]> {
  await unmount(t, mnt);
  return (await nginx.accessLog()).map(({ bytesSent }) => bytesSent);
}

for (const [words, directives, memory] of [
  ['a fast one', '', '256MiB'],
  // What was evicted is on disk by then, also where a write of the disk takes most of a second.
  ['one that is larger than the memory', 'limit_rate 5m;', '16MiB'],
] as const) {
  // S45
  onDevFuse(`all readers of a source without ranges share one download: ${words}`, async (t, mount) => {
    const { nginx, original } = await site(t, directives);
    const mnt = await mount('--memory', memory);
    const file = join(mnt, 'http', nginx.host, 'file.bin');
    const script = `
      for i in 1 2 3; do cmp "$1" "$2" & done
      for skip in 30 10 20; do tail -c +$((skip << 20)) "$2" | head -c 100000 > "$3.$skip"
        tail -c +$((skip << 20)) "$1" | head -c 100000 | cmp - "$3.$skip" & done
      wait; echo read`;
    const scratch = join(await temporaryDirectory(t), 'part');
    const { stdout, stderr } = await shell(script, file, original, scratch);
    t.is(stdout, 'read\n', stderr);
    t.deepEqual(await answers(t, nginx, mnt), [FILE_BYTES]);
  });
}

test.serial('dev-fuse: a reader far ahead waits for the download, and Ctrl-C ends it alone', async (t) => {
  const { nginx, original } = await site(t, 'limit_rate 8m;');
  const mnt = await mounted(t, '--transport', 'dev-fuse');
  const file = join(mnt, 'http', nginx.host, 'file.bin');
  const near = run('cmp', [file, original]);
  const far = spawn('tail', ['-c', '1000', file], { stdio: 'ignore' });
  const ended = new Promise((resolve) => far.once('exit', resolve));
  let isCompared = false;
  void near.then(() => (isCompared = true));
  await until('it waits', () => isOpen(far.pid, file));
  far.kill('SIGINT');
  await ended;
  t.is(far.signalCode, 'SIGINT');
  t.false(isCompared, 'he does not wait for the end of the download');
  t.is((await near).code, 0);
  t.deepEqual(await answers(t, nginx, mnt), [FILE_BYTES]);
});

const COPIES = `
import shutil, subprocess, sys
file, copy = sys.argv[1:]
def size(): return len(open(copy, 'rb').read())
shutil.copyfile(file + '1', copy); print('copyfile', size())
subprocess.run(['cp', file + '2', copy]); print('cp', size())
subprocess.run(['dd', 'if=' + file + '3', 'of=' + copy, 'bs=1M', 'skip=3', 'status=none']); print('dd', size())
print('read', len(open(file + '4', 'rb').read()))
`;

// S35
eachTransport('a body of unknown length is copied whole by every program', async (t, mount) => {
  const body = Buffer.alloc(5 * 1024 * 1024, 'x');
  const server = await startFaultServer(t, (_, response) => {
    response.writeHead(200, { etag: '"1"' });
    response.write(body.subarray(0, 1024 * 1024));
    response.end(body.subarray(1024 * 1024));
  });
  const file = join(await mount(), 'http', server.origin.slice('http://'.length), 'file.bin');
  const { stdout, stderr } = await run('python3', [
    '-c',
    COPIES,
    file,
    join(await temporaryDirectory(t), 'copy'),
  ]);
  const [all, rest] = [body.length, body.length - 3 * 1024 * 1024];
  t.is(stdout, `copyfile ${all}\ncp ${all}\ndd ${rest}\nread ${all}\n`, stderr);
});
