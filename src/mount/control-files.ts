import type { AccessLog } from './access-log.js';

/** What is in `/.d7y`. */
export interface ControlFiles {
  /** By name: what makes the content of a file. */
  readonly texts: ReadonlyMap<string, () => string>;
  /** `accesslog`. Undefined: the transport cannot show a file without an end. */
  readonly accessLog: AccessLog | undefined;
  /** Who may read them, besides root. */
  readonly uid: number;
  readonly gid: number;
  /** Whether the listing of the root has their directory. */
  readonly isListed: boolean;
}

/** Only the owner has rights. */
export const CONTROL_UMASK = 0o077;
