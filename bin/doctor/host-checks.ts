/** The machine and its services, as far as they concern a mount. */
import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import process from 'node:process';

import { cgroupLimit } from '../../src/memory/cgroup-limit.js';
import { FS_TYPE } from '../../src/mount/mount-table.js';
import { withFittingMemory } from '../fitting-memory.js';
import { version } from '../version.js';
import { fail, type Finding, ok, unknown, warn } from './check.js';
import { mebibytes, textOf } from './host-facts.js';
import { runOutside } from './look-outside.js';
import type { SetUp } from './set-up.js';

/** `d7y-mount` itself refuses a version that is too old. */
export function checkNode(): Finding[] {
  return [
    ok(`d7y-mount ${version()} on Node.js ${process.versions.node}, ${process.platform}-${process.arch}`),
  ];
}

/** The pool of connections has an eighth of the descriptors (`http-options.ts`), and at most 64. */
const ENOUGH_FILES = 512;

export function checkOpenFiles(_: SetUp, limits = textOf('/proc/self/limits')): Finding[] {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  if (limit >= ENOUGH_FILES) return [ok(`${limit} open files`)];
  return [
    warn(
      `at most ${limit} open files: a mount has ${Math.max(1, Math.floor(limit / 8))} connections instead of 64`,
      '`ulimit -Hn 65536` as root before the mount is started, `LimitNOFILE=65536` in a unit of systemd',
    ),
  ];
}

export function checkMemory({ configuration }: SetUp, limit = cgroupLimit()): Finding[] {
  const fitting = withFittingMemory(configuration, limit);
  const { memory } = fitting.options;
  const added = fitting.warnings.slice(configuration.warnings.length);
  if (added.length > 0) {
    return added.map((message) =>
      warn(message, 'give less by `--memory`, or raise the limit of the container or unit'),
    );
  }
  if (memory > totalmem() / 2) {
    return [
      warn(
        `${mebibytes(memory)} for content is more than half of the memory of this machine (${mebibytes(totalmem())})`,
        'give less by `--memory`: the page cache needs memory, too',
      ),
    ];
  }
  const shown = limit === undefined ? '' : `, in a cgroup of ${mebibytes(limit.bytes)}`;
  return [ok(`${mebibytes(memory)} for content${shown}`)];
}

export function checkUpdatedb(_: SetUp, text = textOf('/etc/updatedb.conf')): Finding[] {
  if (text === '') return [];
  const types = /^\s*PRUNEFS\s*=\s*"([^"]*)"/m.exec(text)?.[1]?.split(/\s+/) ?? [];
  if (types.includes(FS_TYPE)) return [ok('updatedb passes mounts over')];
  const isThere = /^\s*PRUNEFS\s*=\s*"/m.test(text);
  return [
    warn(
      'updatedb walks through mounts, and lists every directory that a source shows',
      isThere
        ? `as root: \`sed -i 's/^PRUNEFS="/&${FS_TYPE} /' /etc/updatedb.conf\``
        : `as root: \`echo 'PRUNEFS="${FS_TYPE}"' >> /etc/updatedb.conf\``,
    ),
  ];
}

/** Of the units that the tree comes with. */
export async function checkUnits({ uid }: SetUp): Promise<Finding[]> {
  if (!existsSync('/run/systemd/system')) return [];
  const own = uid === 0 ? [] : ['--user'];
  const args = ['list-units', '--all', '--plain', '--no-legend', '--no-pager', 'd7y-mount@*'];
  const { stdout, hasEnded, code } = await runOutside('systemctl', [...own, ...args]);
  if (!hasEnded) return [unknown('systemctl does not answer')];
  if (code !== 0) return [];
  return unitFindings(stdout, own);
}

/** `units`: UNIT LOAD ACTIVE SUB DESCRIPTION on each line. */
export function unitFindings(units: string, own: readonly string[] = []): Finding[] {
  return units.split('\n').flatMap((line) => {
    const [unit, , active, sub] = line.trim().split(/\s+/);
    if (unit === undefined || unit === '' || active === undefined) return [];
    const option = own.length === 0 ? '' : ` ${own.join(' ')}`;
    const log = `\`journalctl${option} -u ${unit} -n 50\` says why`;
    if (active === 'failed')
      return [fail(`${unit} has failed`, `${log}; then \`systemctl${option} restart ${unit}\``)];
    if (sub === 'auto-restart') return [fail(`${unit} ends, and is started again and again`, log)];
    return [ok(`${unit} is ${active}`)];
  });
}
