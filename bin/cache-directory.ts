import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import process from 'node:process';

import type { MountOptions } from './config/options.js';

/** By default in the user's cache directory (XDG Base Directory Specification). */
export function cacheDirectory({ cacheDir }: Pick<MountOptions, 'cacheDir'>): string {
  if (cacheDir !== undefined) return cacheDir;
  const { XDG_CACHE_HOME } = process.env;
  const base =
    XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), '.cache');
  return join(base, 'd7y-mount');
}
