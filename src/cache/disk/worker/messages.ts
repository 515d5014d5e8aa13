/** What crosses between the main thread and the one that changes files: plain data, and memory that both share. */
import { codeOf, messageOf } from '../../../error-code.js';

/** An error of the system. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
}

export function plainError(error: unknown): PlainError {
  return { code: codeOf(error), message: messageOf(error) };
}

/** The store of the thread. */
export interface ThreadOptions {
  readonly root: string;
  readonly syncAfterMs: number;
}

/** Number, kind and argument of a job. They come as a list; an empty one is the last. */
export type Request = readonly [id: number, kind: string, job: unknown];
export type Reply = readonly [id: number, result: unknown, error: PlainError | undefined];

/** Results of jobs (`isBatch`: of a list; later ones come one by one), or what is not durable yet after some of it was made so. */
export type ReplyMessage =
  | { readonly replies: readonly Reply[]; readonly isBatch: boolean }
  | { readonly unsynced: number; readonly error: PlainError | undefined };
