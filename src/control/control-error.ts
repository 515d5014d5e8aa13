/** A request that cannot be served. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code:
    | 'BAD_REQUEST'
    | 'CONFIGURATION'
    | 'TIMEOUT'
    | 'NOT_READY'
    | 'REFUSED'
    | 'PINNED'
    | 'NO_SUCH_JOB'
    | 'NOT_KEPT'
    | 'NEEDS_REMOUNT'
    | 'NO_PROGRAM';
  readonly hint: string | undefined;

  constructor(code: ControlError['code'], message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
