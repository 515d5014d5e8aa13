/** Parts of `d7y-mount doctor`, for what no test can arrange. */
import test from 'ava';

import { configurationOf } from '../../bin/config/configuration.js';
import { ok } from '../../bin/doctor/check.js';
import { checkKernel } from '../../bin/doctor/fuse-checks.js';
import { checkMemory, checkOpenFiles, checkUpdatedb, unitFindings } from '../../bin/doctor/host-checks.js';
import {
  coverOf,
  damageFindings,
  propagationFindings,
  statusFindings,
} from '../../bin/doctor/mount-checks.js';
import { resultLines } from '../../bin/doctor/result-lines.js';
import { runChecks } from '../../bin/doctor/run-checks.js';
import { secretFilter } from '../../bin/doctor/secret-filter.js';
import type { SetUp } from '../../bin/doctor/set-up.js';
import { version } from '../../bin/version.js';
import { parseMountInfo } from '../../src/mount/mount-table.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import { DEFAULT_CONFIGURATION, DEFAULT_MOUNT_OPTIONS } from '../support/default-options.js';

const SET_UP: SetUp = {
  uid: 0,
  configuration: DEFAULT_CONFIGURATION,
  faults: [],
  mounts: [],
  missingMounts: [],
  hasUrls: false,
  urlProbes: () => Promise.resolve([]),
  originProbes: () => Promise.resolve([]),
};

test('a check that hangs, and one that fails, leave the others alone', async (t) => {
  const results = await runChecks(
    [
      { id: 'hangs', run: () => new Promise(() => undefined) },
      { id: 'throws', run: () => Promise.reject(new Error('no such thing')) },
      { id: 'none', run: () => [] },
      { id: 'well', run: () => [ok('well')] },
    ],
    SET_UP,
    10,
  );
  t.deepEqual(
    results.map(({ id, state, message }) => [id, state, message]),
    [
      ['hangs', 'unknown', 'no answer within 0.01 s'],
      ['throws', 'unknown', 'cannot be checked: no such thing'],
      ['well', 'ok', 'well'],
    ],
  );
});

test('what is not right is shown first, with what to do, and what is right in one line', (t) => {
  const results = [
    { id: 'a', state: 'ok', message: 'well', fix: undefined },
    { id: 'b', state: 'warn', message: 'odd', fix: 'look' },
    { id: 'b', state: 'ok', message: 'well', fix: undefined },
    { id: 'url', state: 'ok', message: 'read', fix: undefined },
    { id: 'c', state: 'fail', message: 'broken', fix: 'mend it' },
  ] as const;
  t.deepEqual(resultLines(results, { verbose: false, showsUrls: true }), [
    'fail     c: broken',
    '         fix: mend it',
    'warn     b: odd',
    '         fix: look',
    'ok       url: read',
    'ok       a, url',
    '1 failed, 1 to look at',
  ]);
  t.deepEqual(resultLines(results.slice(0, 1), { verbose: true, showsUrls: false }), [
    'ok       a: well',
    'no problems found',
  ]);
});

test('kernels', (t) => {
  t.like(checkKernel(SET_UP, '4.19.0-26-amd64')[0], { state: 'fail' });
  t.regex(checkKernel(SET_UP, '6.1.0')[0]?.message ?? '', /no passthrough .*\(from 6\.9 on\)/);
  t.regex(checkKernel({ ...SET_UP, uid: 1000 }, '6.18.1')[0]?.message ?? '', /passthrough .* for root alone/);
});

test('limits', (t) => {
  const limits = 'Max open files            256                  256                  files\n';
  t.regex(
    checkOpenFiles(SET_UP, limits)[0]?.message ?? '',
    /at most 256 open files: a mount has 32 connections/,
  );
  t.like(checkOpenFiles(SET_UP, limits.replaceAll('256', '65536'))[0], { state: 'ok' });
  const configuration = configurationOf({ ...DEFAULT_MOUNT_OPTIONS, memory: 2 ** 30 });
  const given = { ...configuration, origins: { memory: '--memory' } };
  const limit = { bytes: 2 ** 29, path: '/sys/fs/cgroup/memory.max' };
  t.like(checkMemory({ ...SET_UP, configuration: given }, limit)[0], { state: 'warn' });
});

test('updatedb', (t) => {
  t.deepEqual(checkUpdatedb(SET_UP, ''), []);
  t.like(checkUpdatedb(SET_UP, 'PRUNEFS="nfs fuse.d7y"\n')[0], { state: 'ok' });
  t.regex(checkUpdatedb(SET_UP, 'PRUNEFS="nfs fuse.sshfs"\n')[0]?.fix ?? '', /sed -i .*&fuse\.d7y /);
  t.regex(checkUpdatedb(SET_UP, 'PRUNEPATHS="/tmp"\n')[0]?.fix ?? '', /echo 'PRUNEFS=/);
});

test('units of systemd', (t) => {
  const units = unitFindings(
    'd7y-mount@mnt-a.service loaded failed failed A\nd7y-mount@mnt-b.service loaded active running B\nd7y-mount@c.service loaded activating auto-restart C\n',
  );
  t.deepEqual(
    units.map(({ state }) => state),
    ['fail', 'ok', 'fail'],
  );
  t.regex(units[0]?.fix ?? '', /journalctl -u d7y-mount@mnt-a\.service/);
});

const MOUNT_INFO = `
1 0 8:1 / / rw - ext4 /dev/vda rw
2 1 0:9 / /srv rw shared:4 - ext4 /dev/vdb rw
3 2 0:40 / /srv/mnt rw shared:5 - fuse.d7y d7y-mount ro,user_id=0
4 2 0:41 / /srv/other rw - fuse.d7y d7y-mount ro,user_id=0
5 1 0:42 / /mnt rw - fuse.d7y d7y-mount ro,user_id=0
6 5 0:43 / /mnt rw - tmpfs tmpfs rw
`;

test('what a container shares, and what is hidden', (t) => {
  const mounts = parseMountInfo(MOUNT_INFO);
  const ours = mounts.filter(({ fsType }) => fsType === 'fuse.d7y');
  t.deepEqual(
    propagationFindings(ours, MOUNT_INFO).map(({ state }) => state),
    ['ok', 'warn'],
  );
  t.deepEqual(
    ours.map((mount) => coverOf(mount, mounts)?.id),
    [undefined, undefined, 6],
  );
  const above = parseMountInfo(`${MOUNT_INFO}7 2 0:44 / /srv rw - tmpfs tmpfs rw\n`);
  t.deepEqual(
    ours.map((mount) => coverOf(mount, above)?.id),
    [7, 7, 6],
  );
});

const STATUS = {
  version: version(),
  pid: 1,
  mountpoint: '/mnt',
  state: 'ready',
  problems: [],
  fuse: { handles: { files: 0, directories: 0 }, in_flight: 0, oldest_request_seconds: 0 },
} as const;

test('what a running mount says of itself', (t) => {
  t.like(statusFindings(STATUS, 1), [{ state: 'ok' }]);
  t.deepEqual(damageFindings('/mnt', 'd7y_mount_cache_corrupt_blocks_total 0\n'), []);
  t.like(damageFindings('/mnt', '# x\nd7y_mount_cache_corrupt_blocks_total 3\n')[0], { state: 'warn' });
  const bad = {
    ...STATUS,
    version: '0.0.1',
    problems: ['disk cache: off'],
    fuse: { ...STATUS.fuse, oldest_request_seconds: 90 },
  };
  const messages = statusFindings(bad, 900).map(({ message }) => message);
  t.is(messages.length, 4);
  t.regex(
    messages.join('\n'),
    /disk cache: off\n.*waits for 90 s\n.*takes 900 ms to answer.*\n.*version 0\.0\.1, and this is/,
  );
});

test('known secrets are replaced in whatever text they stand, and in each form of it', async (t) => {
  const settings = { headers: { x: literalSecret('p4ss"word') } };
  const rules = [{ match: {}, settings, origin: 'config.yaml:1' }];
  const configuration = { ...DEFAULT_CONFIGURATION, rules, plugins: { foo: { token: 'plug-in-token' } } };
  const hide = await secretFilter(configuration, ['https://ada:let%20me@host/x?signature=abc%2Fdef']);
  const texts = [
    'p4ss"word',
    'p4ss%22word',
    '{"a":"p4ss\\"word"}',
    Buffer.from('p4ss"word').toString('base64'),
  ];
  t.deepEqual([...texts, 'plug-in-token, let me, let%20me', 'abc/def abc%2Fdef'].map(hide), [
    '***',
    '***',
    '{"a":"***"}',
    '***',
    '***, ***, ***',
    '*** ***',
  ]);
});
