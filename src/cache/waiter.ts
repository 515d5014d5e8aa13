/** Who waits for a result. */
export interface Waiter {
  /** Used only where the result is not there: the transport makes it then. */
  readonly signal?: AbortSignal | undefined;
  /** The user, where several share the mount. */
  readonly uid?: number | undefined;
}
