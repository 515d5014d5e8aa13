/**
 * Code is loaded only from where root and the mounting user alone can put it: the file, everything in
 * its folder if it is one, and every directory on the way belong to one of the two and are not writable by
 * group or others (see trusted-path.ts). It is then loaded from the real path that was checked.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { checkOwnership, resolveTrusted, type TrustedPath, UntrustedPathError } from '../../trusted-path.js';
import { PluginLoadError } from './plugin-load-error.js';

const MAX_PACKAGE_ENTRIES = 20_000;

/** Resolves to the real path; rejects unless the file or folder, and the way to it, may be trusted by `uid`. */
export async function checkTrust(path: string, uid: number): Promise<string> {
  const { path: real, stats } = await checkOne(path, uid);
  if (stats.isDirectory()) await asLoadError(() => checkContents(real, uid));
  return real;
}

/** Rejects unless a plugin directory, and the way to it, may be trusted; what is in it is not looked at. */
export async function checkDirectoryTrust(path: string, uid: number): Promise<void> {
  await checkOne(path, uid);
}

async function checkOne(path: string, uid: number): Promise<TrustedPath> {
  return await asLoadError(async () => {
    const found = await resolveTrusted(path, uid);
    checkOwnership(found.path, found.stats, uid);
    return found;
  });
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
      // What a link leads to is a place of its own, on a way of its own.
      if (stats.isSymbolicLink()) await checkOne(path, uid);
      else checkOwnership(path, stats, uid);
      if (stats.isDirectory()) waiting.push(path);
    }
  }
}

async function asLoadError<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UntrustedPathError)) throw error;
    throw new PluginLoadError('PLUGIN_TRUST', error.message, error);
  }
}
