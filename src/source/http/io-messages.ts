/** What the main thread and an I/O thread send each other: plain data, and memory that they share. */
import type { Framing } from './response-head.js';
import type { SocketPlan } from './socket-plan.js';
import type { ThreadError } from './thread-error.js';

/** `id`: of the connection. `exchange`: the number of the exchange on it. */
export type IoRequest =
  | {
      /** Connects, for a first exchange. */
      readonly kind: 'open';
      readonly id: number;
      readonly plan: SocketPlan;
      readonly timeoutMs: number;
      readonly exchange: number;
      readonly text: string;
    }
  | { readonly kind: 'send'; readonly id: number; readonly exchange: number; readonly text: string }
  | {
      readonly kind: 'read';
      readonly id: number;
      readonly exchange: number;
      /** Of shared memory. */
      readonly pieces: readonly Uint8Array[];
      readonly minBytes: number | undefined;
      readonly needsChecksums: boolean;
    }
  | { readonly kind: 'abandon' | 'destroy'; readonly id: number };

export interface IoHead {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: Framing;
  readonly keepsAlive: boolean;
}

/** What has happened on a connection in one turn of the thread's loop, all of it in one exchange. */
export interface IoReport {
  readonly id: number;
  readonly exchange: number;
  isOpen?: boolean;
  head?: IoHead;
  /** Of the body, since the last report. */
  receivedBytes?: number;
  /** Of the target that is read into, in all; and the checksums of the pieces that are full since the last report. */
  targetBytes?: number;
  checksums?: number[];
  /** Nothing is written to the target any more. */
  read?: 'done' | 'failed';
  /** The body has ended. */
  hasEnded?: boolean;
  failure?: { readonly error: ThreadError; readonly isStale: boolean };
  isIdle?: boolean;
  /** Its socket is gone. */
  isClosed?: boolean;
}
