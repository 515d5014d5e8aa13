import {
  type ExpireInfo,
  isWeakEtag,
  type Metadata,
  UNKNOWN_LAST_MODIFIED,
  UNKNOWN_SOURCE_FILE_LEN,
} from '../source/index.js';
import { stringBytes } from '../memory/bounded-map.js';
import type { StoredFacts } from './disk/disk-cache.js';
import { isPage } from './page.js';
import { permissionsOf } from './permissions.js';
import type { DirectoryStat, FileStat, ListedEntry, ResourceStat } from './resource-cache.js';
import type { SavedVersion } from './saved-version.js';
import { type VersionIdentity, versionOf } from './version-identity.js';

/** What the source last returned of a file. */
export interface FileMetadata extends SavedVersion {
  readonly kind: 'file';
}

export type ResourceMetadata = FileMetadata | DirectoryStat;

/** Whether it is that of the version. */
export function isSameFile(
  metadata: ResourceMetadata | 'missing' | undefined,
  version: VersionIdentity,
): metadata is FileMetadata {
  return typeof metadata === 'object' && metadata.kind === 'file' && metadata.version.id === version.id;
}

/** An object with its numbers, and what it refers to. */
const FILE_BYTES = 230;

/** What it takes in memory, beside its place. */
export function metadataBytes(metadata: ResourceMetadata | 'missing' | undefined): number {
  if (typeof metadata !== 'object' || metadata.kind === 'directory') return 0;
  const { version, digest } = metadata;
  return (
    FILE_BYTES + stringBytes(version.id) + stringBytes(version.validators.etag) + stringBytes(digest?.hex)
  );
}

export function metadataFromSource(url: string, metadata: Metadata): ResourceMetadata {
  const lastModifiedMs = metadata.lastModified === UNKNOWN_LAST_MODIFIED ? undefined : metadata.lastModified;
  const permissions = permissionsOf(metadata.mode);
  if (metadata.kind === 'directory') return { kind: 'directory', lastModifiedMs, permissions };
  const size = metadata.contentLength === UNKNOWN_SOURCE_FILE_LEN ? undefined : metadata.contentLength;
  const version = versionOf(metadata);
  // Blocks of a resource whose end is unknown cannot be fetched by range. Without a strong validator ranges could be of
  // different versions, and only what comes in one download belongs together.
  const supportRange = metadata.supportRange && size !== undefined && version.verifiable;
  const usedOther = metadata.usedOtherCredentials === true ? { usedOtherCredentials: true as const } : {};
  const page = isPage(url, metadata.contentType) ? { isPage: true as const } : {};
  const digest = metadata.digest === undefined ? {} : { digest: metadata.digest };
  const facts = { version, size, lastModifiedMs, supportRange, permissions };
  return { kind: 'file', ...facts, ...usedOther, ...page, ...digest };
}

/** Of an entry of a listing, if that has all that reading it needs; undefined: it must be probed. */
export function metadataFromListed({ stat, etag, digest }: ListedEntry): FileMetadata | undefined {
  if (typeof stat !== 'object' || stat.kind !== 'file' || stat.size === undefined) return undefined;
  if (etag === undefined || isWeakEtag(etag)) return undefined;
  const { size, lastModifiedMs, permissions } = stat;
  // Its time is left out: a finer one than a read's must not make another version.
  const facts = { contentLength: size, lastModified: UNKNOWN_LAST_MODIFIED, etag, supportRange: true };
  const version = versionOf({ kind: 'file', ...facts });
  return {
    kind: 'file',
    version,
    size,
    lastModifiedMs,
    supportRange: true,
    permissions,
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Of a file that is stored on disk. */
export function metadataFromFacts({ sizeBytes, ...facts }: StoredFacts): FileMetadata {
  return { kind: 'file', size: sizeBytes, ...facts };
}

/** What is stored on disk of a file; undefined: it is not to be stored. */
export function factsOf(file: FileMetadata): StoredFacts | undefined {
  const { version, size, lastModifiedMs, supportRange, permissions, isPage: page, digest } = file;
  if (size === undefined || !version.verifiable || file.usedOtherCredentials === true) return undefined;
  return {
    version,
    sizeBytes: size,
    lastModifiedMs,
    supportRange,
    permissions,
    ...(page === true ? { isPage: page } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The conditions of a request that queries whether the version is still the source's. */
export function expireInfoOf({ validators }: VersionIdentity): ExpireInfo {
  const { etag, lastModifiedMs } = validators;
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModifiedMs === undefined ? {} : { lastModified: new Date(lastModifiedMs).toUTCString() }),
  };
}

/** As the mount has it. */
export function statOf(metadata: ResourceMetadata): ResourceStat {
  if (metadata.kind === 'directory') return metadata;
  const { size, lastModifiedMs, version, permissions, isPage: page } = metadata;
  const isPage = page === true ? { isPage: page } : {};
  return {
    kind: 'file',
    size,
    lastModifiedMs,
    lastModifiedPrecisionMs: 1000,
    version,
    permissions,
    ...isPage,
  };
}

/** Whether it is known how long it is. */
export function isWhole(stat: ResourceStat): boolean {
  return stat.kind === 'directory' || stat.size !== undefined;
}

/** The metadata of a version that no query could confirm; undefined: one could. */
export function unverifiableOf(
  lastKnown: ResourceMetadata | 'missing' | undefined,
  known: FileStat | undefined,
): FileMetadata | undefined {
  if (known?.version === undefined || known.version.verifiable) return undefined;
  const { version, size, lastModifiedMs, permissions } = known;
  // Its size may have been learned since.
  if (isSameFile(lastKnown, version)) return lastKnown;
  return { kind: 'file', version, size, lastModifiedMs, supportRange: false, permissions };
}

/** Whether a listing that is newer than the metadata shows that the metadata no longer holds. */
export function contradicts(entry: ListedEntry, metadata: ResourceMetadata | 'missing'): boolean {
  if (metadata === 'missing') return true;
  const { stat: listed } = entry;
  if (listed === 'unknown-file') return metadata.kind !== 'file';
  if (listed.kind !== metadata.kind) return true;
  if (listed.permissions !== undefined && listed.permissions !== metadata.permissions) return true;
  if (listed.kind === 'directory' || metadata.kind === 'directory') return false;
  const { etag } = metadata.version.validators;
  if (entry.etag !== undefined && etag !== undefined && !isWeakEtag(etag)) return entry.etag !== etag;
  if (listed.size !== metadata.size && metadata.size !== undefined) return true;
  if (listed.lastModifiedMs === undefined || metadata.lastModifiedMs === undefined) return false;
  const precisionMs = listed.lastModifiedPrecisionMs;
  return (
    Math.floor(metadata.lastModifiedMs / precisionMs) !== Math.floor(listed.lastModifiedMs / precisionMs)
  );
}
