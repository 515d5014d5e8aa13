/**
 * Where things lie:
 *
 *     <cache dir>/v4/lock                   held (flock) by the one process that writes
 *     <cache dir>/v4/key                    random: see credential-key.ts
 *     <cache dir>/v4/pins/                  what is never evicted: see pins.ts
 *     <cache dir>/v4/<2 hex>/<name>.data    the bytes of one version, sparse, at their offsets
 *     <cache dir>/v4/<2 hex>/<name>.index   which blocks are in it, and their checksums: see index-file.ts
 *
 * name = 32 hex digits of sha256(URL), 16 of sha256(version id). So what is stored of a URL is found by one readdir. The URL is
 * preceded by the scope of the credentials that it was fetched with (see credential-scope.ts). Anything else in these
 * directories is not ours, and left alone.
 */
import { hash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { codeOf } from '../../error-code.js';
import type { VersionKey } from '../version-identity.js';

/** Another layout of directories gets another one (see old-layout.ts); another form of index files another magic. */
export const LAYOUT_DIRECTORY = 'v4';
export const LOCK_NAME = 'lock';
export const CREDENTIAL_KEY_NAME = 'key';
export const PINS_NAME = 'pins';

const SHARD = /^[0-9a-f]{2}$/;
const FILE = /^([0-9a-f]{32}-[0-9a-f]{16})\.(data|index)$/;
const URL_CHARS = 32;

/** Not a shard, and ours. */
export function isReserved(name: string): boolean {
  return name === LOCK_NAME || name === PINS_NAME || name.split('.', 1)[0] === CREDENTIAL_KEY_NAME;
}

export function isShard(name: string): boolean {
  return SHARD.test(name);
}

/** The name of the entry that a file belongs to. */
export function nameOfFile(file: string): string | undefined {
  return FILE.exec(file)?.[1];
}

/** What the names of all versions of a URL begin with. */
export function nameOfUrl(url: string): string {
  return hash('sha256', url, 'hex').slice(0, URL_CHARS);
}

export function nameOfVersion({ resource, version }: VersionKey): string {
  return `${nameOfUrl(resource)}-${hash('sha256', version, 'hex').slice(0, 16)}`;
}

export function shardPath(root: string, name: string): string {
  return join(root, name.slice(0, 2));
}

export function filePath(root: string, name: string, kind: 'data' | 'index'): string {
  return join(shardPath(root, name), `${name}.${kind}`);
}

/** The names of the entries of a URL, which begin with this. Rejects with the errors of the system. */
export async function entriesOf(root: string, prefix: string): Promise<string[]> {
  try {
    const files = await readdir(shardPath(root, prefix));
    return files.flatMap((file) =>
      file.startsWith(prefix) && file.endsWith('.index') ? (nameOfFile(file) ?? []) : [],
    );
  } catch (error) {
    // ENOTDIR: something else has its name.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
