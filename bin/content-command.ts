/** `d7y-mount evict` and `d7y-mount forget`. */
import process from 'node:process';

import type { GivenOptions } from './config/options.js';
import { call, type ReachedMount, reachMount } from './reach-mount.js';
import { canonicalUrl, mountpointOf, urlsBelow } from './url-path.js';

const LIMIT_MS = 600_000;

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
  { json, mountpoint }: { readonly json: boolean; readonly mountpoint?: string },
  options: GivenOptions,
): Promise<number> {
  const byMount = new Map<string | undefined, string[]>();
  for (const path of paths) {
    const isUrl = path.includes('://');
    const of = isUrl ? mountpoint : await mountpointOf(path);
    const urls = isUrl ? [canonicalUrl(path)] : await urlsBelow(path, options);
    byMount.set(of, [...(byMount.get(of) ?? []), ...urls]);
  }
  for (const [of, urls] of byMount) {
    const reached: ReachedMount = await reachMount(of);
    const { value } = await call(reached, 'POST', `/v1/${name}`, { body: { urls }, limitMs: LIMIT_MS });
    const answer = { mountpoint: reached.mount.mountpoint, ...(value as object) };
    process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${line(answer)}\n`);
  }
  return 0;
}

function line({ files, memory, disk }: Answer): string {
  if (memory === undefined) return `${files} files are queried at their next use`;
  const ofDisk =
    disk === null || disk === undefined
      ? 'nothing from disk: this process writes no cache directory'
      : `${disk.files} files, ${disk.bytes} bytes from disk`;
  return `${memory.files} files, ${memory.bytes} bytes from memory; ${ofDisk}`;
}
