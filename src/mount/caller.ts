/** Who asks. */
export interface Caller {
  /** The thread; 0 for one of another pid namespace, negative where the transport knows none. */
  readonly id: number;
  /** Fires when the caller was interrupted. */
  readonly signal?: AbortSignal;
}
