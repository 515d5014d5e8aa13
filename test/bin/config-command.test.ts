import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { CLI, type Finished, run } from '../support/run.js';
import { temporaryDirectory } from '../support/temp.js';

const TEXT = `cacheSize: 50GiB
umask: '022'
pluginDir: [/a]
sources:
  - match: { scheme: s3, host: lake }
    endpoint: https://s3.lake.example:9000
    credentials: { accessKeyId: hidden, accessKeySecret: 'file:/nonexistent' }
    proxy: http://user:hidden@proxy.example:3128
  - match: { scheme: oss }
    accessKeyID: hidden
    accessKeySecret: '\${HOME}'
  - match: { scheme: hf }
    credentials: { token: { command: [gh, hidden] } }
  - match: { scheme: https }
    headers: { X-A: hidden }
plugins: { foo: { token: hidden } }
policy: { deny: [{ address: 10.0.0.0/8 }] }
`;

async function command(...args: string[]): Promise<Finished> {
  return await run(process.execPath, [CLI, ...args]);
}

test('config check reports faults by exit code 1, and secrets that cannot be read as warnings', async (t) => {
  const file = join(await temporaryDirectory(t), 'config.yaml');
  await writeFile(file, TEXT, { mode: 0o644 });
  const fine = await command('config', 'check', file);
  t.deepEqual([fine.code, fine.stdout], [0, `${file}: no faults\n`]);
  t.regex(fine.stderr, /:8: holds a secret, and other users can read the file/);
  t.regex(fine.stderr, /:5: the configured secret cannot be read: file:\/\/\/nonexistent/);
  const [open, own] = [join(file, '..', 'open'), join(file, '..', 'own')];
  await writeFile(open, 'x', { mode: 0o644 });
  await writeFile(own, 'x', { mode: 0o600 });
  await writeFile(
    file,
    `sources:
  - match: { scheme: hf }
    credentials: { token: { command: [no-such-program, x] } }
  - match: { scheme: s3 }
    credentials: { accessKeyId: 'file:${own}', accessKeySecret: 'file:${open}' }
  - match: { scheme: https, host: h }
    credentials: { token: { command: [sh] } }
  - match: { scheme: http, host: h }
    credentials: { netrc: '${open}' }
`,
    { mode: 0o600 },
  );
  const careless = await command('config', 'check', file, '--json');
  t.deepEqual(JSON.parse(careless.stdout), {
    files: [file],
    errors: [],
    warnings: [
      `${file}:2: command: no-such-program: is no program that can be executed`,
      `${file}:4: file:${open}: other users can read it (mode 644); chmod 600`,
      `${file}:8: file:${open}: other users can read it (mode 644); chmod 600`,
    ],
  });
  await writeFile(file, 'cachesize: 1GiB\n');
  const asJson = await command('config', 'check', file, '--json');
  t.is(asJson.code, 1);
  t.like(JSON.parse(asJson.stdout), { errors: [{ file, line: 1, column: 1, key: 'cachesize' }] });
  const faulty = await command('config', 'check', file);
  t.is(faulty.code, 1);
  t.regex(
    faulty.stderr,
    /^.*config\.yaml:1:1 cachesize: expected .*, found cachesize; nearest: cacheSize\n$/,
  );
  // A start is refused as a wrong option is.
  const start = await command('--config', file, join(file, 'mnt'));
  t.is(start.code, 2);
  t.regex(start.stderr, /^d7y-mount: .*nearest: cacheSize\n$/);
});

test('config show prints a file with the effective values, without secrets, and where each comes from', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'config.yaml');
  await writeFile(file, TEXT, { mode: 0o600 });
  const given = [
    '--config',
    file,
    '--header',
    'h: X: hidden',
    '--plugin-option',
    'foo.a=hidden',
    '--retries',
    '5',
  ];
  const { code, stdout, stderr } = await command(...given, 'config', 'show', '--origin');
  t.deepEqual([code, stderr], [0, '']);
  t.notRegex(stdout, /hidden/);
  const lines = stdout.split('\n');
  for (const line of [
    `cacheSize: 50GiB # ${file}:1`,
    `umask: "22" # ${file}:2`,
    'retries: 5 # --retries',
    'timeout: 30s # default',
    '  mode: stream # default',
    '  - { match: { scheme: https, host: h }, headers: { x: "***" } } # --header',
    `  - { match: { scheme: oss }, accessKeyID: "***", accessKeySecret: "\${HOME}" } # ${file}:9`,
    `  foo: { token: "***", a: "***" } # ${file}:16, --plugin-option`,
  ]) {
    t.true(lines.includes(line), `${line}\n${stdout}`);
  }
  const shown = await command(...given, 'config', 'show', '--json');
  t.notRegex(shown.stdout, /hidden/);
  t.like(JSON.parse(shown.stdout), {
    files: [file],
    options: { retries: { value: 5, origin: '--retries' } },
    plugins: { foo: { value: { token: '***', a: '***' } } },
    policy: { deny: [{ value: { address: ['10.0.0.0/8'] } }] },
  });
  const ofUrl = await command(...given, 'config', 'show', 's3://lake/x?sig=hidden');
  t.notRegex(ofUrl.stdout, /hidden/);
  t.is(
    ofUrl.stdout,
    [
      '# rules that match s3://lake/x?sig=…, the most specific first:',
      `#   ${file}:5: { scheme: s3, host: lake }`,
      `credentials: { accessKeyId: "***", accessKeySecret: file:/nonexistent } # ${file}:5`,
      `endpoint: https://s3.lake.example:9000 # ${file}:5`,
      `proxy: http://***@proxy.example:3128 # ${file}:5`,
      '',
    ].join('\n'),
  );
  const own = await command(...given, 'config', 'show', 'https://h/x', '--json');
  t.like(JSON.parse(own.stdout), {
    rules: [{ origin: '--header' }, { origin: `${file}:14` }],
    settings: [{ name: 'headers', value: { x: '***' }, origin: '--header' }],
  });
  t.is((await command('config', 'show', 'dfs://h/x')).stdout, '# no rule of sources matches dfs://h/x\n');
  const again = join(directory, 'again.yaml');
  await writeFile(again, stdout.replace('http://***@', 'http://'), { mode: 0o600 });
  t.is((await command('config', 'check', again)).code, 0);
});

test('config path prints which files are looked for', async (t) => {
  const home = await temporaryDirectory(t);
  const own = join(home, 'd7y-mount', 'config.yaml');
  const list = async (): Promise<string[]> =>
    (await run('env', [`XDG_CONFIG_HOME=${home}`, process.execPath, CLI, 'config', 'path'])).stdout.split(
      '\n',
    );
  t.true((await list()).includes(`${own} (missing)`));
  await mkdir(join(home, 'd7y-mount'));
  await writeFile(own, '');
  t.true((await list()).includes(own));
  t.deepEqual((await command('--config', '/x.yaml', 'config', 'path')).stdout, '/x.yaml\n');
});

test('path and url translate, and refuse what they cannot', async (t) => {
  const found = await command('path', 'https://host/a%20b', '/mnt');
  t.deepEqual([found.code, found.stdout], [0, '/mnt/https/host/a b\n']);
  const refused = await command('url', '/nonexistent/https/host');
  t.deepEqual(
    [refused.code, refused.stderr],
    [3, 'd7y-mount: /nonexistent/https/host is below no mount of d7y-mount\n'],
  );
  t.is((await command('path')).code, 2);
});
