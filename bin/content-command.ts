/** `d7y-mount evict` and `d7y-mount forget`. */
import process from 'node:process';

import type { GivenOptions } from './config/options.js';
import { call, type ReachedMount, reachMount } from './reach-mount.js';
import { canonicalUrl, mountpointOf, urlsBelow } from './url-path.js';

const LIMIT_MS = 600_000;

export interface ContentOptions {
  readonly json: boolean;
  readonly mountpoint?: string;
  /** Of `evict`: what is pinned, too. */
  readonly force?: boolean;
}

interface Answer {
  readonly mountpoint: string;
  /** Of `forget`. */
  readonly files?: number;
  /** Of `evict`. */
  readonly memory?: { readonly files: number; readonly bytes: number };
  readonly disk?: { readonly files: number; readonly bytes: number } | null;
}

/** Paths of several mounts are possible. Resolves to the exit code. */
export async function changeContent(
  name: 'evict' | 'forget',
  paths: readonly string[],
  { json, mountpoint, force = false }: ContentOptions,
  options: GivenOptions,
): Promise<number> {
  for (const [of, urls] of await urlsByMount(paths, mountpoint, options)) {
    const reached: ReachedMount = await reachMount(of);
    const { value } = await call(reached, 'POST', `/v1/${name}`, {
      body: { urls, ...(force ? { force } : {}) },
      limitMs: LIMIT_MS,
    });
    const answer = { mountpoint: reached.mount.mountpoint, ...(value as object) };
    process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${line(answer)}\n`);
  }
  return 0;
}

/** Undefined: the only mount. */
export async function urlsByMount(
  paths: readonly string[],
  mountpoint: string | undefined,
  options: GivenOptions,
): Promise<ReadonlyMap<string | undefined, readonly string[]>> {
  const byMount = new Map<string | undefined, string[]>();
  for (const path of paths) {
    const isUrl = path.includes('://');
    const of = isUrl ? mountpoint : await mountpointOf(path);
    const urls = isUrl ? [canonicalUrl(path)] : await urlsBelow(path, options);
    byMount.set(of, [...(byMount.get(of) ?? []), ...urls]);
  }
  return byMount;
}

function line({ files, memory, disk }: Answer): string {
  if (memory === undefined)
    return `${files} ${files === 1 ? 'file is queried at its' : 'files are queried at their'} next use`;
  const ofDisk =
    disk === null || disk === undefined
      ? 'nothing from disk: this process writes no cache directory'
      : `${disk.files} files, ${disk.bytes} bytes from disk`;
  return `${memory.files} files, ${memory.bytes} bytes from memory; ${ofDisk}`;
}
