import type { ContentDigest } from '../source/index.js';
import type { VersionIdentity } from './version-identity.js';

/** What reading one version of a file takes: plain data, by which another process can go on with it. */
export interface SavedVersion {
  readonly version: VersionIdentity;
  readonly size: number | undefined;
  readonly lastModifiedMs: number | undefined;
  readonly supportRange: boolean;
  /** The length is unknown, and the body was seen to be too long to be read just to learn it. */
  readonly isLong?: true;
  /** See `Metadata`. */
  readonly usedOtherCredentials?: true;
  /** `permissionsOf` its mode; undefined: the source has none. */
  readonly permissions?: number | undefined;
  /** `isPage` of its content type. */
  readonly isPage?: true;
  /** Of all its bytes. */
  readonly digest?: ContentDigest;
}
