/** The mounts that stand. Nothing here touches one: the mount table and the control sockets are read. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { callControl } from '../../src/control/control-client.js';
import { messageOf } from '../../src/error-code.js';
import { type Mount, readMounts } from '../../src/mount/mount-table.js';
import { ANSWER_LIMIT_MS, call } from '../reach-mount.js';
import {
  controlSocket,
  hasEndedServer,
  isRunning,
  runDirectory,
  servingProcess,
} from '../serving-process.js';
import type { ShownStatus } from '../status-lines.js';
import { version } from '../version.js';
import { fail, type Finding, ok, unknown, warn } from './check.js';
import { inContainer } from './host-facts.js';
import { isSeen, lookAt } from './look-outside.js';
import type { SetUp } from './set-up.js';

export async function checkMounts({ mounts, missingMounts, uid }: SetUp): Promise<Finding[]> {
  const found = await Promise.all(mounts.map((mount) => mountFindings(mount, uid)));
  const missing = missingMounts.map((path) =>
    fail(
      `nothing of d7y-mount is mounted at ${path}`,
      `\`d7y-mount ${path}\`; its log says why it ended (docs/TROUBLESHOOTING.md)`,
    ),
  );
  return [...found.flat(), ...missing];
}

async function mountFindings(mount: Mount, uid: number): Promise<Finding[]> {
  const { mountpoint, userId } = mount;
  const server = await servingProcess(mount);
  if (server === undefined) {
    if (await hasEndedServer(mount)) return [dead(mountpoint)];
    if (userId !== uid)
      return [unknown(`${mountpoint} is a mount of user ${userId}`, 'run this as that user')];
    return [await withoutServer(mountpoint)];
  }
  const beganMs = performance.now();
  try {
    const { value } = await call({ mount, server }, 'GET', '/v1/status');
    const findings = statusFindings(value as ShownStatus, performance.now() - beganMs);
    const { text } = await callControl(controlSocket(mount, server), 'GET', '/metrics', {
      limitMs: ANSWER_LIMIT_MS,
    });
    return [...findings, ...damageFindings(mountpoint, text)];
  } catch (error) {
    return [
      fail(
        messageOf(error),
        `its log says more; \`d7y-mount unmount ${mountpoint}\` detaches it, \`kill -9 ${server.pid}\` ends its process`,
      ),
    ];
  }
}

function dead(mountpoint: string): Finding {
  return fail(
    `${mountpoint} is dead: its process has ended, and programs get "Transport endpoint is not connected"`,
    `\`d7y-mount unmount ${mountpoint}\` removes it; \`d7y-mount ${mountpoint}\` replaces it by a new mount`,
  );
}

/** `metrics`: as Prometheus reads them. */
export function damageFindings(mountpoint: string, metrics: string): Finding[] {
  const blocks = Number(/^d7y_mount_cache_corrupt_blocks_total (\d+)/m.exec(metrics)?.[1] ?? 0);
  if (blocks === 0) return [];
  return [
    warn(
      `${mountpoint}: ${blocks} blocks of the cache directory had a wrong checksum, and were fetched again`,
      'disk or memory may be faulty: `dmesg`, `smartctl -a DEVICE`',
    ),
  ];
}

/** Of a process that left no record: of an older version, or in a container. */
async function withoutServer(mountpoint: string): Promise<Finding> {
  const found = await lookAt(mountpoint);
  if (isSeen(found))
    return unknown(`${mountpoint} answers, and its process cannot be found: it may be in a container`);
  return found.isHanging
    ? unknown(
        `${mountpoint} does not answer, and its process cannot be found`,
        `\`d7y-mount unmount ${mountpoint}\``,
      )
    : dead(mountpoint);
}

const OLD_REQUEST_SECONDS = 60;
const SLOW_ANSWER_MS = 500;

type OwnStatus = Pick<ShownStatus, 'version' | 'pid' | 'mountpoint' | 'state' | 'problems' | 'fuse'>;

export function statusFindings(status: OwnStatus, answerMs: number): Finding[] {
  const { mountpoint, pid, fuse } = status;
  const findings: Finding[] = [];
  for (const problem of status.problems) {
    findings.push(
      warn(`${mountpoint}: ${problem}`, `\`d7y-mount status ${mountpoint}\` and the log say more`),
    );
  }
  if (fuse.oldest_request_seconds > OLD_REQUEST_SECONDS) {
    findings.push(
      warn(
        `${mountpoint}: a request waits for ${Math.round(fuse.oldest_request_seconds)} s`,
        `\`d7y-mount status ${mountpoint}\` shows which source fails; a reader can be interrupted by Ctrl-C`,
      ),
    );
  }
  if (answerMs > SLOW_ANSWER_MS) {
    findings.push(
      warn(
        `${mountpoint}: process ${pid} takes ${Math.round(answerMs)} ms to answer: it is busy, or the machine is`,
        '`top` shows what takes the processors',
      ),
    );
  }
  if (status.version !== version()) {
    findings.push(
      warn(
        `${mountpoint} is served by version ${status.version}, and this is ${version()}`,
        `\`d7y-mount unmount ${mountpoint}\`, and mount again`,
      ),
    );
  }
  if (findings.length > 0) return findings;
  return [ok(`${mountpoint}: ${status.state}, process ${pid}`)];
}

/** By another mount: programs do not reach it. */
export async function checkHidden({ mounts }: SetUp): Promise<Finding[]> {
  const all = await readMounts();
  return mounts.flatMap((mount) => {
    const cover = coverOf(mount, all);
    if (cover === undefined) return [];
    return [
      warn(
        `${mount.mountpoint} is hidden by ${cover.source} (${cover.fsType}), which is mounted over ${cover.mountpoint}`,
        `as root: \`umount ${cover.mountpoint}\`, or mount d7y-mount after it, or elsewhere`,
      ),
    ];
  });
}

/** What lies at its mountpoint or above, on top of what it lies on itself. */
export function coverOf(mount: Mount, all: readonly Mount[]): Mount | undefined {
  const byId = new Map(all.map((one) => [one.id, one]));
  const chain = new Set<number>();
  for (
    let one: Mount | undefined = mount;
    one !== undefined && !chain.has(one.id);
    one = byId.get(one.parentId)
  ) {
    chain.add(one.id);
  }
  return all.find(
    ({ id, parentId, mountpoint }) =>
      !chain.has(id) &&
      chain.has(parentId) &&
      (mount.mountpoint === mountpoint || mount.mountpoint.startsWith(`${mountpoint}/`)),
  );
}

/** In a container, what is mounted on a volume is meant for others, who see it only if the volume is shared. */
export async function checkPropagation({ mounts }: SetUp, isContainer = inContainer()): Promise<Finding[]> {
  if (!isContainer || mounts.length === 0) return [];
  return propagationFindings(mounts, await readFile('/proc/self/mountinfo', 'utf8'));
}

export function propagationFindings(mounts: readonly Mount[], mountInfo: string): Finding[] {
  const lines = new Map(mountInfo.split('\n').map((line) => [Number.parseInt(line), line.split(' ')]));
  return mounts.flatMap(({ id, parentId, mountpoint }) => {
    const fields = lines.get(id) ?? [];
    const optional = fields.slice(6, fields.indexOf('-', 6));
    if (optional.some((field) => field.startsWith('shared:')))
      return [ok(`${mountpoint} is shared with what is outside of this container`)];
    const volume = lines.get(parentId)?.[4];
    if (volume === undefined || volume === '/') return [];
    return [
      warn(
        `only this container sees ${mountpoint}: the volume ${volume} is not shared`,
        '`docker run --mount type=bind,source=DIR,target=DIR,bind-propagation=rshared`; in Kubernetes `mountPropagation: Bidirectional` here, and `HostToContainer` where it is read',
      ),
    ];
  });
}

/** Records and sockets of processes that ended, and whose mounts are gone. */
export async function checkLeftovers(): Promise<Finding[]> {
  const directory = runDirectory();
  const devices = new Set((await readMounts()).map(({ device }) => device));
  const left: string[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    const [, device, pid, startTicks] = /^(\d+:\d+)\.([1-9]\d*)\.(\d+)(?:\.sock)?$/.exec(name) ?? [];
    if (device === undefined || startTicks === undefined || devices.has(device)) continue;
    if (!(await isRunning({ pid: Number(pid), startTicks }))) left.push(name);
  }
  if (left.length === 0) return [ok(`${directory} has no files of processes that ended`)];
  const shown = left.slice(0, 5).map((name) => join(directory, name));
  return [
    warn(
      `${directory} has ${left.length} files of processes that ended; they do no harm`,
      `\`rm ${shown.join(' ')}\`${left.length > shown.length ? ' and so on' : ''}`,
    ),
  ];
}
