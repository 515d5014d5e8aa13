/**
 * The directory of one mount for the sockets of its plugins, which is also where their processes run. A mount
 * that is killed leaves it behind; the next one that needs such a directory removes it.
 */
import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** Then the process id and its namespace, so that the owner can be looked for. */
const PREFIX = 'd7y-plugins-';

export class RunDirectory {
  #made: Promise<string> | undefined;
  #path: string | undefined;

  /** Its path; made on first use. */
  async path(): Promise<string> {
    this.#made ??= make();
    try {
      this.#path = await this.#made;
      return this.#path;
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
  }

  async remove(): Promise<void> {
    const path = await this.#made?.catch(() => undefined);
    if (path !== undefined) await rm(path, { recursive: true, force: true });
  }

  /** For a synchronous exit. */
  removeNow(): void {
    if (this.#path !== undefined) rmSync(this.#path, { recursive: true, force: true });
  }
}

async function make(): Promise<string> {
  const parent = tmpdir();
  const namespace = await processNamespace();
  await removeAbandoned(parent, namespace);
  // Short: the path of a Unix socket has room for 108 bytes (unix(7)).
  return await mkdtemp(join(parent, `${PREFIX}${process.pid}-${namespace}-`));
}

/** Removes those of our user whose process is gone. Those of another container stay: its processes are not visible. */
async function removeAbandoned(parent: string, namespace: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const [pid, of] = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split('-') : [];
    if (pid === undefined || !/^[1-9]\d*$/.test(pid) || of !== namespace || isAlive(Number(pid))) continue;
    const path = join(parent, name);
    const stats = await lstat(path).catch(() => undefined);
    const isOurs = stats?.isDirectory() === true && stats.uid === process.getuid?.();
    if (isOurs) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Process ids mean something within one namespace only (pid_namespaces(7)). */
async function processNamespace(): Promise<string> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '');
  return /\d+/.exec(link)?.[0] ?? '0';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
