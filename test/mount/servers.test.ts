import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startApache } from '../support/apache.js';
import { startFaultServer } from '../support/fault-server.js';
import { CLI, run, shell, eachTransport, onDevFuse, unmounted } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

const NAMES = [
  'plain.bin',
  'with space.txt',
  '100%.txt',
  'hash#tag',
  'a+b&c=d;e',
  "it's",
  'über 日本語 🐘',
  'x'.repeat(80),
];

const INDEX_OPTIONS = {
  'fancy, as Debian sets it':
    'FancyIndexing VersionSort HTMLTable NameWidth=* DescriptionWidth=* Charset=UTF-8',
  preformatted: 'FancyIndexing',
  plain: 'Charset=UTF-8',
};

onDevFuse("Apache's index is listed in each of its forms", async (t, mount) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'sub dir', 'empty'), { recursive: true });
  for (const file of NAMES) await writeFile(join(root, 'sub dir', file), pattern(5_000 + file.length));
  await utimes(join(root, 'sub dir', 'plain.bin'), 1_600_000_000, 1_600_000_000);
  const { size } = await stat(join(root, 'sub dir', 'plain.bin'));
  const mnt = await mount();
  for (const [form, options] of Object.entries(INDEX_OPTIONS)) {
    const tree = `${mnt}/http/${await startApache(t, root, options)}`;
    const { code, stdout, stderr } = await shell('diff -r "$1" "$2"', root, tree);
    t.is(code, 0, `${form}: ${stdout}${stderr}`);
    // The page rounds sizes: what stat says must be exact all the same.
    const shown = await run('stat', ['-c', '%s %Y', `${tree}/sub dir/plain.bin`]);
    t.is(shown.stdout, `${size} 1600000000\n`, form);
  }
});

const NAMES_OF_BYTES = `
import os, sys
root, tree, transport = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]), sys.argv[3]
names = [b'caf\\xe9.txt', b'\\xff', b'\\xe6\\x97', b'\\xef\\xbf\\xbd', 'über'.encode(), b'%FF', b'\\x9b\\xfe'.ljust(80, b'\\xfd')]
os.mkdir(root + b'/dir \\xfc')
for name in names:
    with open(root + b'/dir \\xfc/' + name, 'wb') as f: f.write(b'content of ' + name)
listed = os.listdir(tree + b'/dir %FC')
if transport == 'dev-fuse':
    assert sorted(listed) == sorted(b'%25FF' if name == b'%FF' else name for name in names), listed
    os.stat(tree + b'/dir \\xfc')
    listed = os.listdir(tree + b'/dir \\xfc')
    for name in listed: assert os.stat(tree + b'/dir \\xfc/' + name).st_size == len(b'content of ' + name.replace(b'%25', b'%'))
    try: os.stat(tree + b'/dir \\xfc/\\xfe'); assert False
    except FileNotFoundError: pass
assert len(listed) == len(names), listed
found = sorted(open(tree + b'/dir %FC/' + name, 'rb').read() for name in listed)
assert found == sorted(b'content of ' + name for name in names), found
`;

// S10
eachTransport('names are bytes, of any encoding or none', async (t, mount, transport) => {
  const root = await temporaryDirectory(t);
  const nginx = await startNginx(t, { root });
  const tree = `${await mount()}/http/${nginx.host}`;
  const { code, stderr } = await run('python3', ['-c', NAMES_OF_BYTES, root, tree, transport]);
  t.is(code, 0, stderr);
});

onDevFuse(
  'a certificate is checked; a private authority is trusted by NODE_EXTRA_CA_CERTS',
  async (t, mount) => {
    const root = await temporaryDirectory(t);
    await writeFile(join(root, 'f.txt'), 'over tls');
    const [certificate, key] = [join(root, 'cert.pem'), join(root, 'key.pem')];
    const made = await shell(
      `openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
      -keyout "$1" -out "$2"`,
      key,
      certificate,
    );
    t.is(made.code, 0, made.stderr);
    const nginx = await startNginx(t, { root, tls: { certificate, key } });
    const refused = await run('cat', [`${await mount('--timeout', '3s')}/https/${nginx.host}/f.txt`]);
    t.regex(refused.stderr, /Input\/output error/);

    const mnt = join(root, 'trusting');
    t.teardown(() => unmounted(mnt));
    const trusting = await shell(
      'NODE_EXTRA_CA_CERTS="$1" exec "$2" "$3" "$4" --log-file "$4.log" --cache-size 0',
      certificate,
      process.execPath,
      CLI,
      mnt,
    );
    t.is(trusting.code, 0, trusting.stderr);
    t.is((await run('cat', [`${mnt}/https/${nginx.host}/f.txt`])).stdout, 'over tls');
  },
);

// S67
onDevFuse('a header goes to its host and to no other', async (t, mount) => {
  const answer = (_: unknown, response: { end(text: string): void }): void => response.end('x');
  const [mine, other] = [await startFaultServer(t, answer), await startFaultServer(t, answer)];
  const host = mine.origin.slice('http://'.length);
  const mnt = await mount('--header', `http://${host}: Authorization: Bearer secret`);
  await run('cat', [
    `${mnt}/http/${host}/a.txt`,
    `${mnt}/http/${other.origin.slice('http://'.length)}/a.txt`,
  ]);
  t.is(mine.requests.at(-1)?.headers.authorization, 'Bearer secret');
  t.is(other.requests.at(-1)?.headers.authorization, undefined);
  t.true(other.requests.length > 0);
});

// S84
eachTransport(
  'a body without end is read as far as it is wanted, and the memory stays bounded',
  async (t, mount) => {
    const chunk = pattern(1 << 20);
    const server = await startFaultServer(t, (_, response) => {
      response.writeHead(200);
      const send = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', send);
      };
      send();
    });
    const mnt = await mount('--memory', '32MiB', '--timeout', '1s');
    // fuse-native has to know the length before it can read, and gives up; dev-fuse reads.
    const { code } = await run('timeout', [
      '20',
      'head',
      '-c',
      '1000',
      `${mnt}/http/${server.origin.slice(7)}/endless.bin`,
    ]);
    t.not(code, 124, 'hangs');
    const rss = await shell('grep VmRSS /proc/$(pgrep -f -- "$1 .*--foreground")/status | tr -dc 0-9', mnt);
    t.true(Number(rss.stdout) < 256 * 1024, rss.stdout);
    t.is((await run('cat', [`${mnt}/dfs/h/x`])).stdout, 'hello world');
  },
);
