import type { BodyReader } from '../body-target.js';

/** Ends only where the message ends; anything else rejects. Must be read to its end or cancelled. */
export interface HttpBody extends BodyReader {
  /** The rest is not wanted: a read in progress rejects with `reason`. */
  cancel(reason?: unknown): void;
}
