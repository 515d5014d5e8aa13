/**
 * Where things lie:
 *
 *     <cache dir>/v3/lock                        held (flock) by the one process that writes
 *     <cache dir>/v3/key                         random: see credential-key.ts
 *     <cache dir>/v3/pins/                       what is never evicted: see pins.ts
 *     <cache dir>/v3/<2 hex>/<name>.data         bytes of one segment of one version, sparse, at their offsets
 *     <cache dir>/v3/<2 hex>/<name>.index        what is in it: see index-file.ts
 *
 * name = 32 hex digits of sha256(URL), 16 of sha256(version id), number of the segment. So what is stored of
 * a URL is found by one readdir. The URL is preceded by the scope of the credentials that it was fetched with (see
 * credential-scope.ts). Anything else in these directories is not ours, and left alone.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import type { VersionKey } from '../version-identity.js';

/** Another layout of directories or files gets another directory. */
export const LAYOUT_DIRECTORY = 'v3';
export const LOCK_NAME = 'lock';
export const CREDENTIAL_KEY_NAME = 'key';
export const PINS_NAME = 'pins';

const SHARD = /^[0-9a-f]{2}$/;
const NAME = /^(([0-9a-f]{32}-[0-9a-f]{16})-(\d{6}))\.(data|index)$/;

/** One of this many segments of a limit; a version of up to half of the limit is one segment. */
const SEGMENTS_PER_LIMIT = 16;

export interface StoredName {
  /** Of the segment, without directory and suffix. */
  readonly name: string;
  readonly versionName: string;
  readonly segment: number;
  readonly kind: 'data' | 'index';
}

/** Not a shard, and ours. */
export function isReserved(name: string): boolean {
  return name === LOCK_NAME || name === PINS_NAME || name.split('.', 1)[0] === CREDENTIAL_KEY_NAME;
}

export function isShard(name: string): boolean {
  return SHARD.test(name);
}

export function parseFileName(file: string): StoredName | undefined {
  const [, name, versionName, segment, kind] = NAME.exec(file) ?? [];
  if (name === undefined || versionName === undefined || segment === undefined) return undefined;
  return { name, versionName, segment: Number(segment), kind: kind === 'data' ? 'data' : 'index' };
}

/** What the names of all segments of all versions of a URL begin with. */
export function nameOfUrl(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 32);
}

/** What the names of all segments of a version begin with. */
export function nameOfVersion({ resource, version }: VersionKey): string {
  return `${nameOfUrl(resource)}-${createHash('sha256').update(version).digest('hex').slice(0, 16)}`;
}

export function nameOfSegment(versionName: string, segment: number): string {
  return `${versionName}-${String(segment).padStart(6, '0')}`;
}

export function versionOfSegment(name: string): { readonly versionName: string; readonly segment: number } {
  const end = name.lastIndexOf('-');
  return { versionName: name.slice(0, end), segment: Number(name.slice(end + 1)) };
}

export function shardPath(root: string, name: string): string {
  return join(root, name.slice(0, 2));
}

export function filePath(root: string, name: string, kind: 'data' | 'index'): string {
  return join(shardPath(root, name), `${name}.${kind}`);
}

/** How a version is cut into blocks, and those into segments. */
export interface Geometry {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly blockCount: number;
  /** Blocks of each segment but the last, which may have fewer. */
  readonly segmentBlocks: number;
  readonly segmentCount: number;
}

export function geometryOf(sizeBytes: number, blockBytes: number, limitBytes: number): Geometry {
  const blockCount = Math.ceil(sizeBytes / blockBytes);
  const isWhole = sizeBytes <= limitBytes / 2;
  const segmentBlocks = isWhole
    ? Math.max(1, blockCount)
    : Math.max(1, Math.round(limitBytes / SEGMENTS_PER_LIMIT / blockBytes));
  const segmentCount = Math.max(1, Math.ceil(blockCount / segmentBlocks));
  return { sizeBytes, blockBytes, blockCount, segmentBlocks, segmentCount };
}

/** Of index files: the header, and a record for each block. */
const [HEADER_BYTES, RECORD_BYTES] = [1024, 16];
const PAGE_BYTES = 4096;

/** What the files of a complete version allocate, about. */
export function filesBytes(sizeBytes: number, blockBytes: number): number {
  const indexBytes = HEADER_BYTES + Math.ceil(sizeBytes / blockBytes) * RECORD_BYTES;
  return [sizeBytes, indexBytes].reduce((sum, bytes) => sum + Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES, 0);
}

/** The blocks of one segment, and where it begins. */
export interface Span {
  readonly segment: number;
  readonly firstBlock: number;
  readonly blockCount: number;
  readonly blockBytes: number;
  readonly dataBytes: number;
}

export function spanOf(geometry: Geometry, segment: number): Span {
  const { sizeBytes, blockBytes, segmentBlocks } = geometry;
  const firstBlock = segment * segmentBlocks;
  const blockCount = Math.max(0, Math.min(segmentBlocks, geometry.blockCount - firstBlock));
  const dataBytes = Math.max(0, Math.min(blockCount * blockBytes, sizeBytes - firstBlock * blockBytes));
  return { segment, firstBlock, blockCount, blockBytes, dataBytes };
}

/** The length of block `index` (counted from the start of the segment). */
export function blockLength(span: Span, index: number): number {
  return Math.min(span.blockBytes, span.dataBytes - index * span.blockBytes);
}
