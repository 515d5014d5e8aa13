import {
  isWeakEtag,
  type Metadata,
  UNKNOWN_LAST_MODIFIED,
  UNKNOWN_SOURCE_FILE_LEN,
  type Validators,
} from '../source/index.js';

/** One version of a resource. Two metadata with the same id have the same bytes. */
export interface VersionIdentity {
  readonly id: string;
  /** What requests for this version are pinned to. */
  readonly validators: Validators;
  /**
   * Whether the validators are strong: answers that have them are of the same bytes, and may be joined. If not, only the
   * bytes themselves can be compared.
   */
  readonly verifiable: boolean;
}

/** One version of one resource: nothing else has the same bytes under this key. */
export interface VersionKey {
  /** The resource's URL. */
  readonly resource: string;
  /** `VersionIdentity.id`. */
  readonly version: string;
}

/** Two processes that read the same mount one after the other have no version in common that cannot be verified. */
const PROCESS = Math.round(performance.timeOrigin).toString(36);

let unverifiableVersions = 0;

/**
 * Version = entity tag, else Last-Modified + length. A source that gives neither, or a time that is just now, gets
 * a new version with every probe: nothing could say that it is still the old one. So does one that gives a weak entity
 * tag alone: by that it can say so (304), but a new answer with the same tag may have other bytes.
 */
export function versionOf(metadata: Metadata): VersionIdentity {
  const { etag } = metadata;
  const contentLength =
    metadata.contentLength === UNKNOWN_SOURCE_FILE_LEN ? undefined : metadata.contentLength;
  const isTimeKnown = metadata.lastModified !== UNKNOWN_LAST_MODIFIED && metadata.isLastModifiedWeak !== true;
  const lastModifiedMs = isTimeKnown ? metadata.lastModified : undefined;
  // Not by spreading, which takes twice the memory.
  const validators: { -readonly [Key in keyof Validators]: Validators[Key] } = {};
  if (etag !== undefined) validators.etag = etag;
  if (lastModifiedMs !== undefined) validators.lastModifiedMs = lastModifiedMs;
  if (contentLength !== undefined) validators.contentLength = contentLength;
  if (!areStrong(validators)) {
    unverifiableVersions += 1;
    return { id: `seen ${PROCESS} ${unverifiableVersions}`, validators, verifiable: false };
  }
  const length = contentLength ?? '?';
  const isByTime = etag === undefined || etag === '' || isWeakEtag(etag);
  const parts = isByTime ? ['time', lastModifiedMs, length, etag ?? ''] : ['etag', etag, length];
  // Joined it is one string; by a template, one for each part.
  return { id: parts.join(' '), validators, verifiable: true };
}

/** Whether answers with the same of them have the same bytes (RFC 9110, 8.8.1); weak times are not among them. */
export function areStrong({ etag, lastModifiedMs }: Validators): boolean {
  return lastModifiedMs !== undefined || (etag !== undefined && !isWeakEtag(etag));
}
