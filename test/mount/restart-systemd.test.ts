/** A mount as a service outlives the process that serves it: a real systemd keeps its descriptors. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import test from 'ava';

import { startReaders } from '../support/busy-readers.js';
import { testWhere } from '../support/conditional-test.js';
import { CLI } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { hasSystemd, startPrivateSystemd } from '../support/private-systemd.js';
import { randomFiles } from '../support/supervised-mount.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const UNIT = fileURLToPath(new URL('../../../deploy/systemd/d7y-mount@.service', import.meta.url));
const KILLS = Number(process.env['D7Y_TEST_KILLS'] ?? 0);
const GOOD_MS = 2_500;
const SERVICE = 'mount.service';

/** Ours, for the systemd of Debian 12, and without what it would pull in. */
async function unitFor(mountpoint: string, log: string, ...options: string[]): Promise<string> {
  const text = await readFile(UNIT, 'utf8');
  return text
    .replace(/^(Wants|After)=.*\n/gm, '')
    .replace('[Unit]', '[Unit]\nDefaultDependencies=no')
    .replace('Type=notify-reload', `Type=notify\nStandardError=append:${log}`)
    .replace('/usr/local/bin/d7y-mount', [process.execPath, CLI, ...options].join(' '))
    .replaceAll('%f', mountpoint);
}

const withSystemd = testWhere(
  hasSystemd && KILLS > 0,
  'root, systemd, and `npm run test:restart`',
  test.serial,
);

// S160
withSystemd('readers go on when the process of a service is killed', async (t) => {
  t.timeout(60_000 + KILLS * 10_000);
  const directory = await temporaryDirectory(t);
  const [mountpoint, scratch] = [join(directory, 'mnt'), join(directory, 'scratch')];
  for (const path of [mountpoint, scratch]) await mkdir(path);
  const log = join(directory, 'log');
  const files = await randomFiles(t, 20_000_000);
  const { host } = await startNginx(t, { root: files });
  const unit = await unitFor(
    mountpoint,
    log,
    '--cache-dir',
    join(directory, 'cache'),
    '--metadata-ttl',
    '1s',
  );
  const systemd = await startPrivateSystemd(t, directory, { [SERVICE]: unit });
  const show = async (property: string): Promise<string> =>
    (await systemd.run('systemctl', 'show', SERVICE, '-p', property, '--value')).stdout.trim();
  const started = await systemd.run('systemctl', 'start', SERVICE);
  t.is(started.code, 0, await readFile(log, 'utf8').catch(() => started.stderr));
  t.is(await show('NFileDescriptorStore'), '3');
  const mount = `${mountpoint}/http/${host}`;
  const end = startReaders(t, { mount, files, scratch, count: 20 }, systemd.prefix);
  const pausesMs: number[] = [];
  for (let i = 0; i < KILLS; i += 1) {
    await sleep(GOOD_MS);
    const before = await show('MainPID');
    const beganMs = performance.now();
    await systemd.run('systemctl', 'kill', '--kill-who=main', '-s', 'KILL', SERVICE);
    await until('it is active again', async () => {
      const [pid, state] = [await show('MainPID'), await show('ActiveState')];
      return state === 'active' && pid !== before && pid !== '0';
    });
    pausesMs.push(Math.round(performance.now() - beganMs));
  }
  await sleep(GOOD_MS);
  const command = await systemd.run(process.execPath, CLI, 'restart', mountpoint);
  t.like(command, { code: 0, stderr: '' });
  await sleep(GOOD_MS);
  const reports = await end();
  const sortedMs = pausesMs.toSorted((a, b) => a - b);
  t.log({ medianMs: sortedMs[KILLS >> 1], maxMs: sortedMs.at(-1), reports });
  t.deepEqual(
    reports.filter(({ error, rounds }) => error !== null || rounds === 0),
    [],
  );
  t.is(reports.length, 20);
  t.is(Number(await show('NRestarts')), KILLS + 1);
  t.is(await show('NFileDescriptorStore'), '3');
  await systemd.run('systemctl', 'stop', SERVICE);
  t.is(await show('NFileDescriptorStore'), '0');
});
