import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import test from 'ava';
import { Command } from 'commander';

import { parseMountFlags, withMountFlags } from '../../bin/mount-flags.js';
import { fromMountHelper, isMountHelper } from '../../bin/mount-helper.js';
import { formatListenAddress, parseListenAddress } from '../../bin/listen-address.js';
import { addMountOptions } from '../../bin/config/command-options.js';
import { environmentOptions } from '../../bin/config/environment.js';
import { headerRules } from '../../bin/config/header-rules.js';
import * as kinds from '../../bin/config/option-kinds.js';
import { longOption, OPTION_ROWS } from '../../bin/config/option-table.js';
import { optionsDocument } from '../../bin/config/options-document.js';
import { twinWarning } from '../../bin/twin-warning.js';
import { shownArguments } from '../../bin/shown-arguments.js';
import { formatDuration, formatSize, parseDuration, parseMode, parseSize } from '../../src/quantity.js';

const README = new URL('../../../README.md', import.meta.url);
const OPTIONS = new URL('../../../docs/OPTIONS.md', import.meta.url);

test('sizes and durations are read, printed, and refused with what was expected', (t) => {
  t.is(parseSize('64MiB'), 64 << 20);
  t.is(parseSize('1.5KiB'), 1536);
  t.is(parseSize('10'), 10);
  t.is(parseDuration('500ms'), 500);
  t.is(parseDuration('2h'), 7_200_000);
  t.is(parseMode('022'), 0o022);
  for (const bytes of [64 << 20, 1023, 5 * 2 ** 30]) t.is(parseSize(formatSize(bytes)), bytes);
  for (const ms of [500, 60_000]) t.is(parseDuration(formatDuration(ms)), ms);
  for (const text of ['', '-1', '1 elephants', 'MiB', '1e3', 'toString'])
    t.is(parseSize(text), undefined, text);
  t.is(parseDuration('30 lightyears'), undefined);
  const command = addMountOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  t.throws(() => command.parse(['--cache-size', 'MiB'], { from: 'user' }), {
    message: /expected a size such as 64MiB, got 'MiB'/,
  });
  t.throws(() => command.parse(['--memory', '1MiB'], { from: 'user' }), {
    message: /expected a size such as 64MiB, at least 8MiB, got '1MiB'/,
  });
});

// S108
test('mount flags become options; what only mount(8) understands is dropped', (t) => {
  const flags =
    'defaults,ro,_netdev,relatime,sync,nofail,user=root,x-systemd.automount,X-mount.mkdir,allow_other';
  t.deepEqual(parseMountFlags([flags, 'metadata_ttl=1s']), {
    args: ['--allow-other', '--metadata-ttl=1s'],
    remount: false,
    rw: false,
  });
  t.deepEqual(parseMountFlags(['log_file=/a_b']).args, ['--log-file=/a_b']);
  t.deepEqual(parseMountFlags(['rw,remount,noexec']), { args: ['--no-exec'], remount: true, rw: true });
  t.deepEqual(parseMountFlags(['noexec,user,exec']).args, []);
});

// S110
test('the arguments of a mount helper are those of the program', (t) => {
  t.true(isMountHelper('/sbin/mount.d7y'));
  t.false(isMountHelper('/usr/bin/d7y-mount'));
  const argv = ['src', '/m', '-sn', '-v', '-N', '/ns', '-o', 'rw,uid=1', '-t', 'fuse.d7y'];
  t.deepEqual(fromMountHelper(argv), ['src', '/m', '-o', 'rw,uid=1']);
  t.is(fromMountHelper(['src', '/m', '-f']), undefined);
});

test('flags add to what is repeatable, and count before other options', (t) => {
  const base = { pluginDir: ['/a'], retries: 1, memory: 1 };
  const fail = (): never => {
    throw new Error('a usage error');
  };
  const merged = withMountFlags(base, ['--plugin-dir=/b', '--retries=2', '--no-exec'], fail);
  t.deepEqual(merged, { pluginDir: ['/a', '/b'], retries: 2, memory: 1, exec: false });
});

// S106
test('the list of processes shows no value that may be a secret', (t) => {
  const argv = [
    '-f',
    '--header',
    's',
    '--header=s',
    '-o',
    's',
    '-os',
    '--plugin-option',
    's',
    '--',
    '-o',
    'name',
  ];
  const shown = '-f --header *** --header=*** -o *** -o*** --plugin-option *** -- -o name';
  t.is(shownArguments(argv).join(' '), shown);
  const secret = OPTION_ROWS.filter(([, { kind }]) => kind.isSecret === true);
  t.true(secret.length > 0);
  for (const [name, row] of secret) t.is(shownArguments([longOption(name, row), 's'])[1], '***', name);
  t.deepEqual(shownArguments(['-fo', 'header=secret', 'm']), ['-fo', '***', 'm']);
  t.deepEqual(shownArguments(['-foheader=secret', 'm']), ['-fo***', 'm']);
});

// S67
test('a header belongs to an origin; a host without a scheme means https', (t) => {
  const origins = {
    'Example.com': 'https://example.com',
    'example.com:8080': 'https://example.com:8080',
    'https://example.com:443/': 'https://example.com',
    'http://[::1]:80': 'http://[::1]',
    'HTTP://example.com': 'http://example.com',
    's3://Bucket_1': 's3://Bucket_1',
  };
  for (const [text, origin] of Object.entries(origins)) {
    t.deepEqual(kinds.headers.parse(`${text}: X-A: b: c`), [{ origin, name: 'X-A', value: 'b: c' }]);
  }
  for (const text of ['no header', 'ftp://host: A: b', 'https://u:p@host: A: b', 'https://host/path: A: b']) {
    t.is(kinds.headers.parse(text), undefined, text);
  }
});

test('a header is sent to no plain-http twin of its origin, which is said once', (t) => {
  const warnings: string[] = [];
  const log = { warn: (_facts: object, message: string) => warnings.push(message) };
  const rules = headerRules(
    ['a: X: 0', 'a: x: 1', 'a: Y: 2', 'http://b: X: 3'].flatMap((text) => kinds.headers.parse(text) ?? []),
  );
  t.deepEqual(
    rules.map(({ match, settings }) => [match.schemes, match.host, Object.keys(settings.headers ?? {})]),
    [
      [['https'], 'a', ['x', 'y']],
      [['http'], 'b', ['x']],
    ],
  );
  const warn = twinWarning(() => rules, log as never);
  for (const url of [
    'https://a/',
    'http://b/',
    'https://b/',
    'https://a:8443/',
    'http://a/x',
    'http://a/y',
  ]) {
    warn(new URL(url));
  }
  t.deepEqual(warnings, [
    'what is configured for https://a is not sent to http://a; name http://a to send it in the clear',
  ]);
});

test('docs/OPTIONS.md is made of the option table', async (t) => {
  t.is(await readFile(OPTIONS, 'utf8'), optionsDocument(), 'npm run docs writes it');
});

test('every option is a variable of the environment', (t) => {
  const { options, unknown } = environmentOptions({
    D7Y_MOUNT_CACHE_SIZE: '50GiB',
    D7Y_MOUNT_EXEC: 'false',
    D7Y_MOUNT_PLUGIN_DIR: '/a,~/b',
    D7Y_MOUNT_HEADER: 'a: X: 1,2\nhttp://b: Y: 3',
    D7Y_MOUNT_PORT: 'tcp://10.0.0.1:80',
    OTHER: 'x',
  });
  t.deepEqual(options, {
    cacheSize: 50 * 2 ** 30,
    exec: false,
    pluginDir: ['/a', join(homedir(), 'b')],
    header: [
      { origin: 'https://a', name: 'X', value: '1,2' },
      { origin: 'http://b', name: 'Y', value: '3' },
    ],
  });
  t.deepEqual(unknown, ['D7Y_MOUNT_PORT']);
  const refused = { D7Y_MOUNT_UMASK: '8', D7Y_MOUNT_HEADER: 'hidden' };
  t.throws(() => environmentOptions(refused), {
    message:
      /^D7Y_MOUNT_UMASK: expected an octal mode such as '022', found '8'\nD7Y_MOUNT_HEADER: expected (?!.*hidden)/,
  });
});

test('docs/OPTIONS.md has a row for every option, with its default, and README rows are among them', async (t) => {
  const [all, readme] = await Promise.all([readFile(OPTIONS, 'utf8'), readFile(README, 'utf8')]);
  const rowOf = (text: string, flag: string): string | undefined =>
    text.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${flag}`));
  const { options } = addMountOptions(new Command());
  for (const option of options) {
    const flag = option.long ?? option.short ?? '';
    const row = rowOf(all, flag);
    t.truthy(row, `${flag} has no row`);
    const shown = option.defaultValueDescription;
    if (shown === undefined) continue;
    for (const one of [row, rowOf(readme, flag)]) {
      if (one !== undefined) t.true(one.includes(`\`${shown}\``), `${flag}: ${shown} is not in: ${one}`);
    }
  }
  const flags = new Set(options.flatMap(({ short, long }) => [short, long]));
  for (const text of [all, readme]) {
    for (const [, flag] of text.matchAll(/^\|.*?`(-[-a-z0-9]+)/gm))
      t.true(flags.has(flag), `there is no ${flag}`);
  }
});

test('a usage error shows no value that may be a secret', (t) => {
  const said: string[] = [];
  for (const argv of [
    ['--header', "no origin 'secret"],
    ['--plugin-option', 'secret'],
    ['--heeder=secret'],
    ['--memory', 'shown'],
    ['--alow-other'],
  ]) {
    const command = addMountOptions(new Command('d7y-mount')).exitOverride();
    command.configureOutput({ writeErr: (text) => said.push(text) });
    t.throws(() => command.parse(argv, { from: 'user' }));
  }
  t.notRegex(said.join(''), /secret/);
  t.regex(said.join(''), /--header[\s\S]*expected 'https:[\s\S]*shown/);
  t.regex(said.join(''), /'--alow-other'; similar: --allow-other\n$/);
});

test('an address to listen at has a port, and brackets where it has colons', (t) => {
  for (const [text, address] of [
    ['127.0.0.1:9570', { host: '127.0.0.1', port: 9570 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:80', { host: '::1', port: 80 }],
  ] as const) {
    t.deepEqual(parseListenAddress(text), address);
    t.is(formatListenAddress(address), text);
  }
  for (const text of ['9570', ':9570', '::1:80', '[::1]', 'host:65536', 'host:-1', 'a b:80', 'http://x:80']) {
    t.is(parseListenAddress(text), undefined, text);
  }
});
