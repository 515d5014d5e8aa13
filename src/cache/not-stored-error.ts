/** Content that cannot be kept on disk, and why. */
export class NotStoredError extends Error {
  override readonly name = 'NotStoredError';
  /** `NOT_STORABLE`: it never is. */
  readonly code: 'NOT_STORABLE' | 'NO_ROOM';

  constructor(code: NotStoredError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
