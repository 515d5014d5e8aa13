import {
  type Metadata,
  UNKNOWN_LAST_MODIFIED,
  UNKNOWN_SOURCE_FILE_LEN,
  type Validators,
} from '../source/index.js';

/** One version of a resource. Two metadata with the same id have the same bytes. */
export interface Version {
  readonly id: string;
  /** What requests for this version are pinned to. */
  readonly validators: Validators;
  /** False when the source gives neither entity tag nor time: then only the bytes themselves can be compared. */
  readonly verifiable: boolean;
}

/** One version of one resource: nothing else has the same bytes under this key. */
export interface VersionKey {
  /** The resource's URL. */
  readonly resource: string;
  /** `Version.id`. */
  readonly version: string;
}

/** As the key of a map. NUL occurs neither in a URL nor in a version. */
export function mapKeyOf({ resource, version }: VersionKey): string {
  return `${resource}\0${version}`;
}

let unverifiableVersions = 0;

/**
 * Version = entity tag, else Last-Modified + length. A source that tells neither, or a time that is just now, gets
 * a new version with every probe: nothing could say that it is still the old one.
 */
export function versionOf(metadata: Metadata): Version {
  const contentLength =
    metadata.contentLength === UNKNOWN_SOURCE_FILE_LEN ? undefined : metadata.contentLength;
  const isTimeKnown = metadata.lastModified !== UNKNOWN_LAST_MODIFIED && metadata.isLastModifiedWeak !== true;
  const lastModifiedMs = isTimeKnown ? metadata.lastModified : undefined;
  const validators: Validators = {
    ...(metadata.etag === undefined ? {} : { etag: metadata.etag }),
    ...(lastModifiedMs === undefined ? {} : { lastModifiedMs }),
    ...(contentLength === undefined ? {} : { contentLength }),
  };
  if (metadata.etag !== undefined && !metadata.etag.startsWith('W/')) {
    return { id: `etag ${metadata.etag} ${contentLength ?? '?'}`, validators, verifiable: true };
  }
  if (lastModifiedMs !== undefined) {
    const weak = metadata.etag ?? '';
    return { id: `time ${lastModifiedMs} ${contentLength ?? '?'} ${weak}`, validators, verifiable: true };
  }
  if (metadata.etag !== undefined) {
    return { id: `weak ${metadata.etag} ${contentLength ?? '?'}`, validators, verifiable: true };
  }
  unverifiableVersions += 1;
  return { id: `seen ${unverifiableVersions}`, validators, verifiable: false };
}
