/** What helps to find a fault from afar, in one file, without secrets. */
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { release, version as kernelVersion } from 'node:os';
import process from 'node:process';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { callControl } from '../../src/control/control-client.js';
import { codeOf } from '../../src/error-code.js';
import { FS_TYPE } from '../../src/mount/mount-table.js';
import { CommandFailure, EXIT } from '../command-failure.js';
import { effectiveFile } from '../config/effective.js';
import { defaultLogFile } from '../log.js';
import { mountsOfUser } from '../reach-mount.js';
import { controlSocket, servingProcess } from '../serving-process.js';
import { version } from '../version.js';
import type { CheckResult } from './check.js';
import { textOf } from './host-facts.js';
import { appendedFiles, logTails } from './log-tails.js';
import type { SetUp } from './set-up.js';
import { type ArchivedFile, tarArchive } from './tar-archive.js';

const ANSWER_LIMIT_MS = 2_000;
const MAX_MOUNTS = 16;
const MAX_FILE_CHARS = 1024 * 1024;

/** A file that only this user can read. One that is there is not replaced. */
export async function createBundle(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const why =
      codeOf(error) === 'EEXIST'
        ? 'is there already; choose another name'
        : `cannot be made (${codeOf(error)})`;
    throw new CommandFailure(EXIT.failure, `${path} ${why}`, error);
  }
}

/** `hide` replaces secrets. */
export async function writeBundle(
  file: FileHandle,
  path: string,
  {
    setUp,
    document,
    hide,
  }: { readonly setUp: SetUp; readonly document: object; readonly hide: (text: string) => string },
): Promise<void> {
  try {
    const files = [
      { name: 'doctor.json', text: JSON.stringify(document, undefined, 2) },
      ...(await hostFiles(setUp)),
      ...(await mountFiles(setUp)),
    ];
    const safe = files.map(({ name, text }) => ({
      name: `d7y-mount/${name}`,
      text: hide(text).slice(0, MAX_FILE_CHARS),
    }));
    await file.writeFile(await promisify(gzip)(tarArchive(safe)));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function hostFiles({ configuration, faults }: SetUp): Promise<ArchivedFile[]> {
  const versions = {
    'd7y-mount': version(),
    kernel: `${release()} ${kernelVersion()}`,
    platform: `${process.platform}-${process.arch}`,
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release'))?.[1] ?? null,
    ...process.versions,
  };
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(` ${FS_TYPE} `));
  const kernel = [
    '/proc/self/limits',
    '/proc/self/status',
    '/proc/self/cgroup',
    '/proc/filesystems',
    '/etc/fuse.conf',
  ];
  const note = faults.length > 0 ? '# the files have faults: these are the defaults\n' : '';
  return [
    { name: 'versions.json', text: JSON.stringify(versions, undefined, 2) },
    { name: 'config.yaml', text: `${note}${effectiveFile(configuration, true)}` },
    { name: 'mountinfo.txt', text: `${mounts.join('\n')}\n` },
    { name: 'system.txt', text: kernel.map((path) => `== ${path}\n${textOf(path)}`).join('\n') },
  ];
}

const ANSWERS = [
  ['status.json', '/v1/status'],
  ['stats.json', '/v1/stats'],
  ['metrics.prom', '/metrics'],
] as const;

async function mountFiles({ mounts: given, configuration }: SetUp): Promise<ArchivedFile[]> {
  const mounts = given.length > 0 ? given : await mountsOfUser();
  const found = await Promise.all(
    mounts.slice(0, MAX_MOUNTS).map(async (mount, i) => {
      const server = await servingProcess(mount);
      const facts = { ...mount, pid: server?.pid ?? null };
      const own = { name: `mount-${i}/mount.json`, text: JSON.stringify(facts, undefined, 2) };
      if (server === undefined) return { files: [own], logs: [] };
      const socket = controlSocket(mount, server);
      const answers = await Promise.all(
        ANSWERS.map(async ([name, at]) => ({
          name: `mount-${i}/${name}`,
          text: await callControl(socket, 'GET', at, { limitMs: ANSWER_LIMIT_MS }).then(
            ({ text }) => text,
            (error: unknown) => `no answer (${codeOf(error)})\n`,
          ),
        })),
      );
      return { files: [own, ...answers], logs: await appendedFiles(server.pid) };
    }),
  );
  const { logFile = defaultLogFile() } = configuration.options;
  const logs = await logTails([...found.flatMap((one) => one.logs), logFile]);
  return [
    ...found.flatMap((one) => one.files),
    ...logs.map(({ path, text }, i) => ({ name: `log-${i}.txt`, text: `# ${path}\n${text}` })),
  ];
}

export function documentOf(results: readonly CheckResult[]): object {
  return {
    schema: 1,
    version: version(),
    checks: results.map(({ id, state, message, fix }) => ({ id, state, message, fix: fix ?? null })),
  };
}
