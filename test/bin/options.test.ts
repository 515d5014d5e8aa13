import { readFile } from 'node:fs/promises';

import test from 'ava';
import { Command } from 'commander';

import {
  addMountOptions,
  collectHeader,
  DEFAULT_MOUNT_OPTIONS,
  expandMountFlags,
} from '../../bin/options.js';
import { formatDuration, formatSize, parseDuration, parseMode, parseSize } from '../../bin/quantity.js';

const README = new URL('../../../README.md', import.meta.url);

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

test('mount flags become long options; what only mount(8) understands is dropped', (t) => {
  t.deepEqual(expandMountFlags(['ro,_netdev,allow_other', 'metadata_ttl=1s,x-systemd.automount']), [
    '--allow-other',
    '--metadata-ttl=1s',
  ]);
  t.deepEqual(expandMountFlags(['log_file=/a_b']), ['--log-file=/a_b']);
});

test('a header names its host, with or without a port', (t) => {
  t.deepEqual(collectHeader('Example.com:8080: X-A: b: c', []), [
    { host: 'example.com:8080', name: 'X-A', value: 'b: c' },
  ]);
  t.throws(() => collectHeader('no header', []), { message: /expected 'host: Name: value'/ });
});

test('without options, the defaults are the one const', (t) => {
  const command = addMountOptions(new Command()).exitOverride();
  command.parse([], { from: 'user' });
  const { o, ...parsed } = command.opts<Record<string, unknown>>();
  t.deepEqual(o, []);
  const defined = Object.entries(DEFAULT_MOUNT_OPTIONS).filter(([, value]) => value !== undefined);
  t.deepEqual(parsed, Object.fromEntries(defined));
});

test('the README has a row for every option, with its default', async (t) => {
  const readme = await readFile(README, 'utf8');
  for (const option of addMountOptions(new Command()).options) {
    const flag = option.long ?? option.short ?? '';
    const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${flag}`));
    t.truthy(row, `${flag} has no row`);
    const shown = option.defaultValueDescription;
    if (shown !== undefined) t.true(row?.includes(`\`${shown}\``), `${flag}: ${shown} is not in: ${row}`);
  }
});
