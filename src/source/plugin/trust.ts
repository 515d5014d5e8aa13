/**
 * Code is loaded only from where nobody but root and the mounting user can put it: the file, everything in
 * its folder if it is one, and every directory on the way belong to one of the two and are not writable by
 * group or others. A sticky directory such as /tmp is passed: in it nobody can replace another's entry.
 */
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PluginLoadError } from './plugin-load-error.js';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const MAX_PACKAGE_ENTRIES = 20_000;

/** Throws unless the file or folder, and the way to it, may be trusted by `uid`. */
export async function checkTrust(path: string, uid: number): Promise<void> {
  const real = await realpath(path);
  const isFolder = await checkOne(real, uid);
  if (isFolder) await checkContents(real, uid);
  await checkWay(real, uid);
}

/** Throws unless a plugin directory, and the way to it, may be trusted; what is in it is not looked at. */
export async function checkDirectoryTrust(path: string, uid: number): Promise<void> {
  const real = await realpath(path);
  await checkOne(real, uid);
  await checkWay(real, uid);
}

async function checkWay(real: string, uid: number): Promise<void> {
  for (let directory = dirname(real); ; directory = dirname(directory)) {
    const { mode, uid: owner } = await stat(directory);
    if ((mode & STICKY) === 0 || !isOwner(owner, uid)) check(directory, owner, mode, uid);
    if (directory === dirname(directory)) return;
  }
}

/** Resolves to whether it is a directory. */
async function checkOne(path: string, uid: number): Promise<boolean> {
  const stats = await stat(path);
  check(path, stats.uid, stats.mode, uid);
  return stats.isDirectory();
}

async function checkContents(folder: string, uid: number): Promise<void> {
  const waiting = [folder];
  let seen = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const name of await readdir(next)) {
      seen += 1;
      if (seen > MAX_PACKAGE_ENTRIES) {
        throw new PluginLoadError('PLUGIN_TRUST', `${folder} has more than ${MAX_PACKAGE_ENTRIES} entries`);
      }
      const path = join(next, name);
      const stats = await lstat(path);
      if (stats.isSymbolicLink()) {
        // What it leads to is a place of its own, on a way of its own.
        const target = await realpath(path);
        await checkOne(target, uid);
        await checkWay(target, uid);
      } else {
        check(path, stats.uid, stats.mode, uid);
        if (stats.isDirectory()) waiting.push(path);
      }
    }
  }
}

function check(path: string, owner: number, mode: number, uid: number): void {
  if (!isOwner(owner, uid)) {
    const allowed = uid === 0 ? 'root' : `root or user ${uid}`;
    throw new PluginLoadError(
      'PLUGIN_TRUST',
      `${path} is not trusted: it belongs to user ${owner}, not to ${allowed}; chown it`,
    );
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new PluginLoadError(
      'PLUGIN_TRUST',
      `${path} is not trusted: others may write to it (mode ${(mode & 0o7777).toString(8)}); chmod go-w it`,
    );
  }
}

function isOwner(owner: number, uid: number): boolean {
  return owner === 0 || owner === uid;
}
