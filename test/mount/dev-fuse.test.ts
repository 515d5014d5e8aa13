import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { findMount } from '../../src/mount/mount-table.js';
import { startFaultServer, startRawServer } from '../support/fault-server.js';
import { MemoryResources } from '../support/memory-resources.js';
import { CLI, mounted, run, shell, unmount } from '../support/mounted.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { CountingBudget } from '../support/counting-budget.js';
import { mountedMemory } from '../support/mounted-memory.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { isOpen } from '../support/is-open.js';
import { until } from '../support/until.js';

const DEV_FUSE = ['--transport', 'dev-fuse'] as const;

const INDEX =
  '<html><head><title>Index of /</title></head><body><a href="listed.bin">listed.bin</a></body></html>';

/** What has others below its URL. */
const API = { 'content-type': 'application/json' };

/**
 * Every path but `…/void` is a file whose content is its path, at all depths at once. There is no listing, or each path
 * with a slash is a listing of one file.
 */
async function allFiles(
  t: ExecutionContext,
  isListed = false,
): Promise<{ host: string; requested: () => (string | undefined)[] }> {
  const server = await startFaultServer(t, ({ url = '' }, response) => {
    const isIndex = isListed && url.endsWith('/');
    const isMissing = url.endsWith('/void') || (url.endsWith('/') && !isIndex);
    if (isIndex) response.writeHead(200, { 'content-type': 'text/html' });
    else response.writeHead(isMissing ? 404 : 200, isMissing ? {} : { etag: `"${url}"`, ...API });
    response.end(isMissing ? '' : isIndex ? INDEX : url);
  });
  return { host: server.origin.slice(7), requested: () => server.requests.map(({ url }) => url) };
}

test.serial('a name is what it is used as, at every depth at once', async (t) => {
  const { host, requested } = await allFiles(t);
  const base = `${await mounted(t, ...DEV_FUSE, '--negative-ttl', '1ms')}/http/${host}`;
  t.is((await run('cat', [`${base}/a/b/c`])).stdout, '/a/b/c');
  t.deepEqual(requested(), ['/a/b/c'], 'what is only walked through costs no request');
  t.is((await run('cat', [`${base}/a`])).stdout, '/a');
  t.is((await run('cat', [`${base}/a/b`])).stdout, '/a/b');
  t.is((await shell('cd "$1/a" && cat b/c', base)).stdout, '/a/b/c');
  t.is((await run('stat', ['-c', '%F %s', `${base}/a/b`])).stdout, 'regular file 4\n');
  t.is((await run('cat', [`${base}/void/x`])).stdout, '/void/x', 'a 404 on the way does not matter');
  t.regex((await run('cat', [`${base}/void`])).stderr, /Is a directory/, 'something is below it');
  t.regex((await run('cat', [`${base}/x/void`])).stderr, /No such file/);
  t.regex((await run('stat', [`${base}/x/void`])).stderr, /No such file/);
  t.is(
    (await shell('cp "$1/a/b" "$2" && cat "$2"', base, join(await temporaryDirectory(t), 'copy'))).stdout,
    '/a/b',
  );
  t.is((await shell('wc -c < "$1/a/b"', base)).stdout.trim(), '4');
});

const LISTXATTR = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for room in (0, 4, 4096):
    n = libc.listxattr(sys.argv[1].encode(), ctypes.create_string_buffer(room), room)
    print('ok' if n >= 0 else os.strerror(ctypes.get_errno()))
`;

test.serial('too little room for the names of attributes is ERANGE', async (t) => {
  const { host } = await allFiles(t);
  const file = `${await mounted(t, ...DEV_FUSE)}/http/${host}/a`;
  const listed = await run('python3', ['-c', LISTXATTR, file]);
  t.is(listed.stdout, 'ok\nNumerical result out of range\nok\n', listed.stderr);
  t.is((await run('cat', [file])).stdout, '/a');
});

/** Uses so many files below a name that what is there is listed, in the background. */
async function useBelow(path: string): Promise<void> {
  await run(
    'cat',
    ['1', '2', '3', '4'].map((name) => `${path}/${name}`),
  );
}

test.serial('a name below which something is listed is what it is used as', async (t) => {
  const { host, requested } = await allFiles(t, true);
  const base = `${await mounted(t, ...DEV_FUSE)}/http/${host}`;
  await useBelow(`${base}/a`);
  await until('it is listed', () => requested().includes('/a/'));
  t.is((await run('cat', [`${base}/a/listed.bin`])).stdout, '/a/listed.bin');
  t.is((await run('stat', ['-c', '%F %s', `${base}/a`])).stdout, 'regular file 2\n');
  t.is((await run('cat', [`${base}/a`])).stdout, '/a');
  t.is((await run('cat', [`${base}/a/listed.bin`])).stdout, '/a/listed.bin');
  t.is((await run('cat', [`${base}/a/b`])).stdout, '/a/b', 'an index may hide files');
  t.is((await shell('cd "$1/a" && cat listed.bin && cat "$1/a"', base)).stdout, '/a/listed.bin/a');
});

const LIST_AND_READ = `
import os, sys
path = sys.argv[1]
print(os.listdir(path), open(path).read())
with os.scandir(path) as entries: print(next(entries).name, os.path.isdir(path))
print(os.path.isdir(path), open(path).read())
`;

test.serial('opendir works where the name is a file too', async (t) => {
  const { host } = await allFiles(t, true);
  const base = `${await mounted(t, ...DEV_FUSE)}/http/${host}`;
  const { stdout, stderr } = await run('python3', ['-c', LIST_AND_READ, `${base}/a`]);
  t.is(stderr, '');
  t.is(stdout, "['listed.bin'] /a\nlisted.bin True\nFalse /a\n");
  t.is((await shell('cd "$1/a" && ls', base)).stdout, 'listed.bin\n');
});

const STRESS = `
import os, random, sys, time
base, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
names = ['a', 'a/b', 'a/b/c', 'd', 'd/e']
end = time.time() + seconds; count = 0
while time.time() < end:
    path = random.choice(names); full = base + '/' + path; count += 1
    use = random.randrange(6)
    if use == 0:
        with open(full) as f: got = f.read()
        assert got == '/' + path, ('read', path, got)
    elif use == 1:
        st = os.stat(full); assert st.st_size == len(path) + 1, ('stat', path, st)
    elif use == 2:
        with open(full + '/x') as f: got = f.read()
        assert got == '/' + path + '/x', ('walk', path, got)
    elif use == 3:
        os.chdir(full); os.chdir('/')
    elif use == 4:
        got = os.listdir(full); assert {*got} <= {'b', 'c', 'e', 'x', 'listed.bin'}, ('list', path, got)
    else:
        try: os.stat(base + '/' + path + '/void')
        except FileNotFoundError: pass
        else: raise AssertionError(('void', path))
print(count)
`;

for (const isListed of [false, true]) {
  const title = `eight processes use the same names as files and directories${isListed ? ', with listings' : ''}`;
  test.serial(`${title}, and never get a wrong answer`, async (t) => {
    const { host } = await allFiles(t, isListed);
    const base = `${await mounted(t, ...DEV_FUSE)}/http/${host}`;
    if (isListed) for (const name of ['a', 'a/b', 'a/b/c', 'd', 'd/e']) await useBelow(`${base}/${name}`);
    const seconds = process.env['D7Y_STRESS_SECONDS'] ?? '2';
    const done = await Promise.all(
      Array.from({ length: 8 }, (_, i) => run('python3', ['-c', STRESS, base, seconds, String(i)])),
    );
    for (const { code, stderr } of done) t.is(code, 0, stderr);
    const operations = done.reduce((sum, { stdout }) => sum + Number(stdout), 0);
    t.true(operations > 100, `${operations} operations`);
    t.log(`${operations} operations`);
  });
}

const TIMEOUT_MS = 60_000;

// S89
test.serial('a reader of a silent server is gone at once after Ctrl-C, whatever it waits for', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    if (request.url === '/body') {
      response.writeHead(200, { 'content-length': '1000000', etag: '"1"' });
      response.write('x'.repeat(1000));
    }
  });
  const mnt = await mounted(t, ...DEV_FUSE, '--timeout', `${TIMEOUT_MS / 1000}s`);
  const base = `${mnt}/http/${server.origin.slice(7)}`;
  for (const [command, path, signal] of [
    ['cat', `${base}/silent`, 'SIGINT'],
    ['stat', `${base}/silent.txt`, 'SIGINT'],
    ['ls', `${base}/directory/`, 'SIGKILL'],
    ['cat', `${base}/body`, 'SIGINT'],
    ['cat', `${base}/body`, 'SIGKILL'],
  ] as const) {
    const requests = server.requests.length;
    const child = spawn(command, [path], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until(`${command} waits`, () =>
      path.endsWith('/body') ? isOpen(child.pid, path) : server.requests.length > requests,
    );
    t.is(child.exitCode, null, `${command} waits`);
    const began = performance.now();
    child.kill(signal);
    await ended;
    t.true(performance.now() - began < TIMEOUT_MS / 2, `${command} ${signal}`);
  }
  // And an unmount while a program waits.
  const waiting = run('cat', [`${base}/silent2`]);
  await until('it waits', () => server.requests.some(({ url }) => url === '/silent2'));
  t.is((await run(process.execPath, [CLI, 'unmount', mnt])).code, 0);
  t.not((await waiting).code, 0);
  t.is(await findMount(mnt), undefined);
});

/** Stats and opens while a timer's signal comes every few milliseconds, none of them begun again by the program. */
const HANDLED_SIGNALS = `
import ctypes, os, signal, sys
handled = 0
def count(*_):
    global handled
    handled += 1
signal.signal(signal.SIGALRM, count)
signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
libc = ctypes.CDLL(None, use_errno=True)
for i in range(15):
    assert os.stat(f'{sys.argv[1]}/stat-{i}').st_size == 4
    handle = libc.open(f'{sys.argv[1]}/open-{i}'.encode(), 0)
    assert handle >= 0, os.strerror(ctypes.get_errno())
    assert os.read(handle, 9) == b'body'
assert handled > 15, handled
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.signal(signal.SIGUSR1, count)
os.stat(sys.argv[1] + '/silent')
`;

// S90
test.serial(
  'a handled signal fails no operation, and hides no Ctrl-C or kill that comes later',
  async (t) => {
    const server = await startFaultServer(t, ({ url }, response) => {
      if (url?.includes('/silent') === true) return;
      setTimeout(() => response.writeHead(200, { etag: '"1"', 'content-length': 4 }).end('body'), 10);
    });
    const base = `${await mounted(t, ...DEV_FUSE)}/http/${server.origin.slice(7)}`;
    for (const [round, signal] of (['SIGINT', 'SIGKILL'] as const).entries()) {
      const child = spawn('python3', ['-c', HANDLED_SIGNALS, `${base}/${round}`]);
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
      const waits = (): boolean => server.requests.some(({ url }) => url === `/${round}/silent`);
      await until('it waits', () => waits() || hasEnded());
      t.false(hasEnded(), stderr);
      child.kill('SIGUSR1');
      await sleep(200);
      t.false(hasEnded(), 'it waits on');
      child.kill(signal);
      await ended;
      t.is(child.signalCode, signal);
    }
  },
);

/** Reads that the kernel sends as if they were readahead, and one that it interrupts itself. */
const WAITING_READ = `
import os, sys
handle = os.open(sys.argv[1], os.O_RDONLY)
if sys.argv[2] == 'random': os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
os.pread(handle, 4096, int(sys.argv[3]))
`;

// S93
test.serial(
  'a reader that is killed leaves no fetch behind, and others who have its descriptor go on',
  async (t) => {
    const server = await startRawServer(t, (socket, head) => {
      const [, first = '0', last = '0'] = /range: bytes=(\d+)-(\d+)/i.exec(head) ?? [];
      const bytes = Number(last) - Number(first) + 1;
      const range = `content-range: bytes ${first}-${last}/8000000\r\ncontent-length: ${bytes}`;
      socket.write(`HTTP/1.1 206 Partial Content\r\netag: "1"\r\n${range}\r\n\r\n`);
      if (first === '0' || head.includes('/good')) socket.write(Buffer.alloc(bytes, 'x'));
    });
    const base = `${await mounted(t, ...DEV_FUSE)}/http/${server.origin.slice(7)}`;
    for (const [kind, offset] of [
      ['sequential', '0'],
      ['sequential', '2000000'],
      ['random', '1000000'],
    ] as const) {
      const path = `${base}/${kind}${offset}`;
      const size = kind === 'sequential' && offset === '0' ? '300000' : offset;
      const child = spawn('python3', ['-c', WAITING_READ, path, kind, size], { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      // For its head by the lookup, and for what is read.
      const requests = (): number =>
        server.requests.filter((head) => head.includes(`/${kind}${offset} `)).length;
      await until('it waits', () => requests() > 1);
      t.is(child.exitCode, null, path);
      child.kill('SIGKILL');
      await ended;
      const requested = server.requests.length;
      await until('its connections are closed', () => server.open() <= 1);
      t.is(server.requests.length, requested, 'and nothing is queried again');
    }
    // The child's end closes a descriptor of the handle that the parent reads.
    const shared = await run('python3', ['-c', SHARED_HANDLE, `${base}/good`]);
    t.is(shared.stdout, '8000000\n', shared.stderr);
  },
);

const SHARED_HANDLE = `
import os, sys
handle = os.open(sys.argv[1], os.O_RDONLY)
total = 0
for at in range(0, 8000000, 100000):
    child = os.fork()
    if child == 0: os._exit(0)
    total += len(os.pread(handle, 100000, at))
    os.waitpid(child, 0)
print(total)
`;

test.serial('ls -l of a listed directory is one request', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'many'));
  for (let i = 0; i < 1_000; i += 1)
    await writeFile(join(root, 'many', `file-${i}.bin`), 'x'.repeat(i % 100));
  const nginx = await startNginx(t, { root, serverDirectives: 'autoindex_format json;' });
  const directory = `${await mounted(t, ...DEV_FUSE)}/http/${nginx.host}/many`;
  const shown = await shell('ls -l --time-style=+%s "$1" | tail -n +2 | awk \'{print $5,$6,$7}\'', directory);
  const truth = await shell(
    'ls -l --time-style=+%s "$1" | tail -n +2 | awk \'{print $5,$6,$7}\'',
    join(root, 'many'),
  );
  t.is(shown.stdout, truth.stdout);
  const requests = (await nginx.accessLog()).map(({ uri }) => uri);
  t.deepEqual(requests, ['/many', '/many/'], 'what the name is, and the listing');
});

/** Indexes leave out what begins with a dot. */
const STRANGE_NAMES = [
  '100%',
  '50%zz',
  '%41',
  '%2e%2e',
  'a?b',
  'a?b=c&d',
  'c#d',
  'with  space',
  ' leading',
  "it's",
  'x&y<z>"q"',
  'über',
  '日本語 🐘',
  'a+b;c=d@e,f!$',
  '[x]{y}|z^`',
  'back\\slash',
  '~',
  'a:b',
  '*',
  'n'.repeat(49),
  'n'.repeat(60),
  'é'.repeat(100),
  'n'.repeat(255),
];

/** Name, size and content of what is in the directory, by one program that lists, stats and reads. */
const INVENTORY = `
import os, sys
seen = {}
for entry in os.scandir(sys.argv[1]):
    st = entry.stat(follow_symlinks=False)
    assert st.st_ino == entry.inode() and os.stat(entry.path).st_ino == st.st_ino, entry.name
    seen[st.st_ino] = None
    print(st.st_size, open(entry.path).read() if 'read' in sys.argv else '')
print(len(seen))
`;

for (const serverDirectives of ['', 'autoindex_format json;']) {
  test.serial(
    `a directory that its parent lists costs one request, whatever the names: ${serverDirectives}`,
    async (t) => {
      const root = await temporaryDirectory(t);
      await mkdir(join(root, 'sub dir'));
      const names = [...STRANGE_NAMES, ...Array.from({ length: 400 }, (_, i) => `a rather long name ${i}`)];
      for (const [i, name] of names.entries())
        await writeFile(join(root, 'sub dir', name), `${i}:${'x'.repeat(i % 50)}`);
      const nginx = await startNginx(t, { root, serverDirectives });
      const mnt = await mounted(t, ...DEV_FUSE);
      const host = `${mnt}/http/${nginx.host}`;
      t.is((await shell('ls "$1"', host)).stdout, 'sub dir\n');
      const listed = await shell('ls -lU "$1/sub dir" | wc -l', host);
      t.is(listed.stdout.trim(), `${names.length + 1}`);
      const script = 'python3 -c "$1" "$2/sub dir" $3 | sort';
      const shown = await shell(script, INVENTORY, host, '');
      t.regex(shown.stdout, new RegExp(`^${names.length}$`, 'm'), shown.stderr);
      t.deepEqual(
        (await nginx.accessLog()).map(({ uri }) => uri),
        ['/', '/sub%20dir/'],
      );
      const read = await shell(script, INVENTORY, host, 'read');
      t.is(read.stdout, (await shell(script, INVENTORY, root, 'read')).stdout, read.stderr);
      // What was read is being stored: the directory is removed after that.
      await unmount(t, mnt);
    },
  );
}

test.serial(
  'readers that are killed at any point, a stopped process and an unmount leave nothing behind',
  async (t) => {
    const resources = new MemoryResources(false);
    const bytes = pattern(4 << 20);
    resources.files.set('mem://host/file', { bytes, etag: '"1"' });
    const mnt = await mountedMemory(t, resources);
    const file = `${mnt}/mem/host/file`;
    const killed = await shell(
      'for i in $(seq 60); do timeout -s KILL 0.0$((i % 10)) cat "$1" > /dev/null 2>&1 & done; wait; echo ended',
      file,
    );
    t.regex(killed.stdout, /ended/);
    const original = join(await temporaryDirectory(t), 'original');
    await writeFile(original, bytes);
    t.is((await run('cmp', [file, original])).code, 0);
    // Thousands of requests at once.
    const many = await shell(
      'seq 400 | xargs -P 100 -n 1 sh -c \'stat "$0" > /dev/null || echo wrong\' "$1"',
      file,
    );
    t.is(many.stdout, '');
  },
);

class CountingResources extends MemoryResources {
  readonly lookups = new Map<string, number>();

  override peek(url: string): ReturnType<MemoryResources['peek']> {
    this.lookups.set(url, (this.lookups.get(url) ?? 0) + 1);
    return super.peek(url);
  }
}

// S87
test.serial(
  'the kernel forgets what it looked up long ago when it knows too much, but nothing that is open',
  async (t) => {
    const resources = new CountingResources();
    const urlOf = (number: number): string => `mem://host/${number}`;
    for (let number = 0; number < 2_000; number += 1) {
      resources.files.set(urlOf(number), { bytes: Buffer.from(`${number}`), etag: `"${number}"` });
    }
    const directory = join(
      await mountedMemory(t, resources, { budget: new MetadataBudget(400_000) }),
      'mem',
      'host',
    );
    const script = `
import sys, time
def read(number): return open(f'{sys.argv[1]}/{number}').read()
kept = open(f'{sys.argv[1]}/0')
print(all(read(number) == str(number) for number in range(1, 2000)))
time.sleep(1)
print(kept.read(), read(0), read(1), read(1999))`;
    const { stdout, stderr } = await run('python3', ['-c', script, directory]);
    t.is(stdout, 'True\n0 0 1 1999\n', stderr);
    t.true((resources.lookups.get(urlOf(1)) ?? 0) > 1, 'it was looked up again');
    t.is(resources.lookups.get(urlOf(1_999)), 1);
    // As it was looked up first: the kernel knew it all the time.
    t.is(resources.lookups.get(urlOf(0)), 1);
  },
);

/** What is no file is a directory that is listed. */
class ListedDirectories extends MemoryResources {
  override peek(url: string): ReturnType<MemoryResources['peek']> {
    const stat = { kind: 'directory', lastModifiedMs: undefined } as const;
    return super.peek(url) ?? { stat, isListed: true, ttlMs: 60_000 };
  }
}

test.serial('the kernel forgets directories too, but none that is a working directory', async (t) => {
  const resources = new ListedDirectories();
  resources.files.set('mem://host/0/file', { bytes: Buffer.from('0'), etag: '"0"' });
  const budget = new CountingBudget(300_000);
  const directory = join(await mountedMemory(t, resources, { budget }), 'mem', 'host');
  const script = `
import os, sys
os.chdir(f'{sys.argv[1]}/0')
print(all(os.path.isdir(f'../{number}') for number in range(1, 1000)), flush=True)
sys.stdin.read()
print(os.getcwd(), open('file').read())`;
  const child = spawn('python3', ['-c', script, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => said.push(piece));
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  // A thousand directories take 500 KB.
  await until('the kernel has forgotten most of them', () => budget.usedBytes <= 100_000);
  child.stdin.end();
  await ended;
  t.is(Buffer.concat(said).toString(), `True\n${directory}/0 0\n`);
});

test.serial('a mount process that is stopped and continued goes on', async (t) => {
  const mnt = await mounted(t, ...DEV_FUSE);
  await shell('pkill -STOP -f -- "$1 .*--foreground"', mnt);
  const waiting = run('cat', [`${mnt}/dfs/h/x`]);
  await sleep(500);
  await shell('pkill -CONT -f -- "$1 .*--foreground"', mnt);
  t.is((await waiting).stdout, 'hello world');
});
