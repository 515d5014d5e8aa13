import { readFile } from 'node:fs/promises';

import test from 'ava';
import { Command } from 'commander';

import { parseMountFlags, withMountFlags } from '../../bin/mount-flags.js';
import { fromMountHelper, isMountHelper } from '../../bin/mount-helper.js';
import { addMountOptions } from '../../bin/options.js';
import { DEFAULT_MOUNT_OPTIONS } from '../support/default-options.js';
import { collectHeader } from '../../bin/option-parsers.js';
import { originHeaders } from '../../bin/origin-headers.js';
import { shownArguments } from '../../bin/shown-arguments.js';
import { formatDuration, formatSize, parseDuration, parseMode, parseSize } from '../../bin/quantity.js';

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
  for (const text of ['', '-1', '1 elephants', 'MiB', '1e3', 'toString']) {
    t.throws(() => parseSize(text), { message: /expected a size such as 64MiB, got/ }, text);
  }
  t.throws(() => parseDuration('30 lightyears'), { message: /expected a duration such as 30s/ });
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
  const base = { ...DEFAULT_MOUNT_OPTIONS, pluginDir: ['/a'], retries: 1, memory: 1 };
  const fail = (): never => {
    throw new Error('a usage error');
  };
  const merged = withMountFlags(base, ['--plugin-dir=/b', '--retries=2', '--no-exec'], fail);
  t.like(merged, { pluginDir: ['/a', '/b'], retries: 2, memory: 1, exec: false });
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
  };
  for (const [text, origin] of Object.entries(origins)) {
    t.deepEqual(collectHeader(`${text}: X-A: b: c`, []), [{ origin, name: 'X-A', value: 'b: c' }]);
  }
  for (const text of ['no header', 'ftp://host: A: b', 'https://u:p@host: A: b', 'https://host/path: A: b']) {
    t.throws(() => collectHeader(text, []), { message: /expected 'https:\/\/host\[:port\]: Name: value'/ });
  }
});

test('a header is sent to no plain-http twin of its origin, which is said once', (t) => {
  const warnings: string[] = [];
  const log = { warn: (_facts: object, message: string) => warnings.push(message) };
  const options = ['a: X: 0', 'a: x: 1', 'a: Y: 2', 'http://b: X: 3'].flatMap((text) =>
    collectHeader(text, []),
  );
  const headersFor = originHeaders(options, log as never);
  t.deepEqual(headersFor(new URL('https://a/path')), { x: '1', y: '2' });
  t.deepEqual(headersFor(new URL('http://b/')), { x: '3' });
  for (const url of ['https://b/', 'https://a:8443/', 'http://a/x', 'http://a/y']) {
    t.deepEqual(headersFor(new URL(url)), {}, url);
  }
  t.deepEqual(warnings, [
    '--header for https://a is not sent to http://a; name http://a to send it in the clear',
  ]);
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
    for (const [, flag] of text.matchAll(/^\|.*?`(-[-a-z]+)/gm))
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
