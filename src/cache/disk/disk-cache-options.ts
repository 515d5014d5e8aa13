import type { Logger } from 'pino';

import type { CredentialsFor } from './credential-scope.js';

export interface DiskCacheOptions {
  /** Created with mode 0700 if it is missing; only root and this user may be able to exchange it. */
  readonly directory: string;
  /** The most that the store's files may allocate, at every moment. */
  readonly limitBytes: number;
  /** What the store leaves free on its file system. Undefined: 1 GiB, or 5 % of the file system if less. */
  readonly reserveBytes: number | undefined;
  readonly blockBytes: number;
  /** The most data and index files that are open at once, those that were handed out not counted. */
  readonly maxOpenFiles: number;
  /** What was written so long ago is made durable: a power loss takes what came later. */
  readonly syncAfterMs: number;
  /** Undefined: nothing is fetched with credentials. */
  readonly credentialsFor: CredentialsFor | undefined;
  readonly log: Logger;
}

export const DEFAULT_DISK_CACHE_OPTIONS: Omit<DiskCacheOptions, 'directory' | 'log'> = {
  limitBytes: 10 * 2 ** 30,
  reserveBytes: undefined,
  blockBytes: 32 * 2 ** 10,
  maxOpenFiles: 64,
  syncAfterMs: 5_000,
  credentialsFor: undefined,
};
