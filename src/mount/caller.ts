/** The process that an operation is for. */
export interface Caller {
  /** The thread; 0 for one of another pid namespace, negative where the transport does not report it. */
  readonly id: number;
  /** Fires when the caller was interrupted. */
  readonly signal?: AbortSignal;
}
