import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { isRoot } from '../support/conditional-test.js';
import { run, shell, eachTransport, onDevFuse } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { makeTree, pattern } from '../support/tree.js';
import { until } from '../support/until.js';

const RANDOM_READS = `
import mmap, random, sys
mounted, original = sys.argv[1:]
random.seed(11)
with open(mounted, 'rb') as f, open(original, 'rb') as g:
    a, b = (mmap.mmap(h.fileno(), 0, access=mmap.ACCESS_READ) for h in (f, g))
    assert len(a) == len(b)
    for _ in range(300):
        at = random.randrange(len(a)); n = random.randrange(1, 9000)
        assert a[at:at + n] == b[at:at + n], at
print('same')
`;

async function ok(t: ExecutionContext, script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await shell(script, ...args);
  t.is(code, 0, `${script}: ${stdout}${stderr}`);
  return stdout;
}

/** Takes long to make, and is only read. */
let originalTree = '';
test.before(async () => {
  originalTree = await mkdtemp(join(tmpdir(), 'd7y-test-tree-'));
  await makeTree(originalTree);
});
test.after.always(async () => await rm(originalTree, { recursive: true, force: true }));

eachTransport('a tree reads the same through the mount, by real programs', async (t, mount) => {
  const root = originalTree;
  const nginx = await startNginx(t, { root });
  const tree = `${await mount()}/http/${nginx.host}`;
  await ok(t, 'diff -r "$1" "$2"', root, tree);
  await ok(
    t,
    'cd "$1" && find . -type f -exec sha256sum {} + | sort > "$3/a"; cd "$2" && find . -type f -exec sha256sum {} + | sort | cmp - "$3/a"',
    root,
    tree,
    await temporaryDirectory(t),
  );
  t.is(await ok(t, 'sqlite3 "file:$1/data.sqlite?immutable=1" "pragma integrity_check"', tree), 'ok\n');
  await ok(t, 'unzip -tq "$1/archive.zip" && tar -tzf "$1/archive.tar.gz"', tree);
  await ok(
    t,
    'dpkg-deb --fsys-tarfile "$1/example.deb" | tar -xO ./opt/program | cmp - "$2"',
    tree,
    process.execPath,
  );
  await ok(
    t,
    'dd if="$1/large.bin" bs=4096 skip=1000 count=100 iflag=direct 2>/dev/null | cmp - "$2/large.bin" -i 0:4096000 -n 409600',
    tree,
    root,
  );
  await ok(
    t,
    'tail -c 10000 "$1/large.bin" > "$3/end"; tail -c 10000 "$2/large.bin" | cmp - "$3/end"',
    tree,
    root,
    await temporaryDirectory(t),
  );
  t.is(await ok(t, 'rsync -rnc --out-format=%n "$1/" "$2/" | grep -v "/$"; true', tree, root), '');
  t.is(
    (await run('python3', ['-c', RANDOM_READS, `${tree}/large.bin`, `${root}/large.bin`])).stdout,
    'same\n',
  );
  t.is((await stat(join(root, 'one'))).size, 1);
});

for (const [kind, serverDirectives] of [
  ['without ranges', 'max_ranges 0;'],
  ['without ranges and lengths', 'max_ranges 0; ssi on; ssi_types *;'],
] as const) {
  eachTransport(`a source ${kind} is downloaded once, and read right at random offsets`, async (t, mount) => {
    const root = originalTree;
    const nginx = await startNginx(t, { root, serverDirectives });
    const tree = `${await mount('--memory', '512MiB')}/http/${nginx.host}`;
    // An unknown length is known after the first download, which this is.
    await ok(t, 'cmp "$1/large.bin" "$2/large.bin"', tree, root);
    const { stdout } = await run('python3', ['-c', RANDOM_READS, `${tree}/large.bin`, `${root}/large.bin`]);
    t.is(stdout, 'same\n');
    await ok(t, 'diff -r "$1" "$2"', root, tree);
    const downloads = new Map<string, number>();
    for (const { uri } of await nginx.accessLog()) {
      if (!uri.endsWith('/')) downloads.set(uri, (downloads.get(uri) ?? 0) + 1);
    }
    t.deepEqual(
      [...downloads].filter(([, count]) => count !== 1),
      [],
    );
    t.true(downloads.size > 15);
  });
}

onDevFuse('sixty-four readers of one file request each block once', async (t, mount) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'shared.bin'), pattern(4 << 20));
  const nginx = await startNginx(t, { root });
  const file = `${await mount()}/http/${nginx.host}/shared.bin`;
  const sum = (await shell('sha256sum < "$1"', join(root, 'shared.bin'))).stdout;
  const sums = await ok(t, 'for i in $(seq 64); do sha256sum < "$1" & done | sort -u; wait', file);
  t.is(sums, sum);
  const sent = (await nginx.accessLog()).reduce((bytes, entry) => bytes + entry.bytesSent, 0);
  t.is(sent, 4 << 20);
});

// S83
onDevFuse(
  'a dead server is an errno in time; others go on, and reads work when it is back',
  async (t, mount) => {
    const root = await temporaryDirectory(t);
    await writeFile(join(root, 'f.bin'), pattern(20 << 20));
    const [dead, alive] = [await startNginx(t, { root }), await startNginx(t, { root })];
    const mnt = await mount('--timeout', '3s', '--retries', '1');
    const file = `${mnt}/http/${dead.host}/f.bin`;
    await ok(t, 'head -c 100000 "$1" > /dev/null', file);
    await dead.kill();
    const failed = await run('dd', [`if=${file}`, 'of=/dev/null', 'bs=4096', 'skip=4000', 'count=1']);
    t.not(failed.code, 0);
    t.regex(failed.stderr, /Connection refused|Input\/output error/);
    await ok(t, 'cmp "$1" "$2"', `${mnt}/http/${alive.host}/f.bin`, join(root, 'f.bin'));
    await dead.start();
    await ok(t, 'cmp "$1" "$2"', file, join(root, 'f.bin'));
  },
);

/** Reads on a handle of the version before, and on one of the version after, and prints what came. */
const READ_BOTH = `
import os, sys, time
name, signs = sys.argv[1:]
def all_of(f, first=b''):
    try: content = first + b''.join(iter(lambda: f.read(65536), b''))
    except OSError as e: return 'errno %d' % e.errno
    if len(content) != ${8 << 20}: return 'cut off'
    return {frozenset(b'a'): 'old', frozenset(b'b'): 'new'}.get(frozenset(content), 'mixed')
with open(name, 'rb', buffering=0) as f:
    first = f.read(65536)
    open(signs + '/begun', 'w').close()
    while not os.path.exists(signs + '/replaced'): time.sleep(0.02)
    # Its pages must not become those of the handle that is open already.
    try:
        with open(name, 'rb', buffering=0) as other: print(all_of(other))
    except OSError as e: print('errno %d' % e.errno)
    print(all_of(f, first))
`;

// S5
eachTransport(
  'a file that changes is the old one or ESTALE to an open handle, and the new one to others',
  async (t, mount, transport) => {
    const root = await temporaryDirectory(t);
    const path = join(root, 'f.bin');
    const [before, after] = [Buffer.alloc(8 << 20, 'a'), Buffer.alloc(8 << 20, 'b')];
    await writeFile(path, before);
    const nginx = await startNginx(t, { root });
    const file = `${await mount('--metadata-ttl', '1ms')}/http/${nginx.host}/f.bin`;
    const signs = await temporaryDirectory(t);
    const reader = run('python3', ['-c', READ_BOTH, file, signs]);
    await until('it has begun', () => existsSync(join(signs, 'begun')));
    await writeFile(`${path}.new`, after);
    await utimes(`${path}.new`, 1_700_000_000, 1_700_000_000);
    await rename(`${path}.new`, path);
    await writeFile(join(signs, 'replaced'), '');
    // libfuse 2 has one inode for both versions.
    const others = transport === 'dev-fuse' ? 'new' : 'errno 116';
    t.regex((await reader).stdout, new RegExp(`^${others}\\n(errno 116|old)\\n$`));
    await until('the new one is read', async () => (await run('cmp', [file, path])).code === 0);
  },
);

// S33
onDevFuse('a directory keeps its time while it is in use, so that tar is content', async (t, mount) => {
  const root = await temporaryDirectory(t);
  const script =
    'cd "$1" && mkdir -p tree/sub && echo a > tree/sub/a && find . -exec touch -d "2 days ago" {} +';
  await ok(t, script, root);
  const nginx = await startNginx(t, { root });
  const tree = `${await mount('--metadata-ttl', '1s')}/http/${nginx.host}/tree`;
  await ok(t, 'ls -lR "$1"', `${tree}/..`);
  // What tar does with a directory: its attributes are the same before and after.
  const walk = `
import os, sys, time
directory = os.open(sys.argv[1] + '/sub', os.O_RDONLY)
before = os.fstat(directory)
time.sleep(1.5)
open(sys.argv[1] + '/sub/a').read()
after = os.fstat(directory)
assert before.st_mtime == after.st_mtime == os.stat(sys.argv[1] + '/sub').st_mtime, (before, after)
assert time.time() - after.st_mtime > 86400, after
`;
  const { code, stderr } = await run('python3', ['-c', walk, tree]);
  t.is(code, 0, stderr);
});

// S28 S29
eachTransport('names, attributes and failures are what the documentation says', async (t, mount) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'plain'), 'plain');
  await writeFile(join(root, 'x.txt'), 'text');
  const nginx = await startNginx(t, { root, serverDirectives: 'location /secret { return 403; }' });
  const host = `${await mount()}/http/${nginx.host}`;
  t.regex((await run('cat', [`${host}/missing`])).stderr, /No such file/);
  t.regex((await run('stat', [`${host}/missing.txt`])).stderr, /No such file/);
  t.regex((await run('cat', [`${host}/secret`])).stderr, /Permission denied/);
  t.is((await run('cat', [`${host}/x.txt?a=b`])).stdout, 'text');
  t.is((await run('cat', [`${host}/%78.txt`])).stdout, 'text');
  t.is((await run('cat', [`${host}/plain`])).stdout, 'plain');
  const mtime = (await run('stat', ['-c', '%Y %s %a', `${host}/x.txt`])).stdout;
  const { mtimeMs } = await stat(join(root, 'x.txt'));
  t.is(mtime, `${Math.floor(mtimeMs / 1000)} 4 444\n`);
  const value = await run('getfattr', [
    '--only-values',
    '--absolute-names',
    '-n',
    'user.d7y.url',
    `${host}/x.txt`,
  ]);
  t.is(value.stdout, `${nginx.origin}/x.txt`);
  t.regex((await run('getfattr', ['-n', 'user.other', `${host}/x.txt`])).stderr, /No such attribute/);
  for (const foreign of ['security.selinux', 'system.posix_acl_access', 'trusted.x']) {
    // Without CAP_SYS_ADMIN the kernel hides trusted attributes itself (xattr(7)).
    const expected = foreign === 'trusted.x' && !isRoot ? /No such attribute/ : /not supported/;
    t.regex((await run('getfattr', ['-n', foreign, `${host}/x.txt`])).stderr, expected, foreign);
  }
  await ok(t, 'cp -a "$1/x.txt" "$2/copied" && ls -l "$2/copied"', host, root);
  t.regex((await shell('ls "$1/../user:password@host"', host)).stderr, /Invalid argument/);
  t.regex((await shell('ls "$1/../../gopher"', host)).stderr, /No such file/);
});
