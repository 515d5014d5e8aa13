import { redactPath } from '../source/index.js';

/** Failures that are not of a source. */
export type FsErrorCode =
  | 'NO_ENTRY'
  | 'NOT_DIRECTORY'
  | 'IS_A_DIRECTORY'
  | 'NOT_PERMITTED'
  | 'NAME_TOO_LONG'
  | 'INVALID_NAME'
  | 'NO_ATTRIBUTE'
  | 'NO_NAMESPACE'
  | 'RESULT_TOO_LARGE'
  | 'BAD_HANDLE'
  | 'STALE'
  /** Not a failure: the name is no directory but a file. ESTALE makes the kernel look the path up again. */
  | 'RETRY_LOOKUP';

export class FsError extends Error {
  override readonly name: string = 'FsError';
  readonly code: FsErrorCode;
  /** The path below the mountpoint, or the name, that it is about; safe to log. */
  readonly path: string;

  constructor(code: FsErrorCode, path: string, message: string) {
    const safePath = redactPath(path);
    super(`${message}: ${safePath}`);
    this.code = code;
    this.path = safePath;
  }
}

/** There is no such name. The kernel may cache that for `ttlMs`. */
export class MissingNameError extends FsError {
  readonly ttlMs: number;

  constructor(path: string, ttlMs: number) {
    super('NO_ENTRY', path, 'no such name');
    this.ttlMs = ttlMs;
  }
}
