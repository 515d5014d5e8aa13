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

/** A store has a number: there may be several in a process, of the same directory, too. */
export interface StoreOptions {
  readonly store: number;
  readonly root: string;
  readonly syncAfterMs: number;
}

/** Number, kind and argument of a job. */
export type Request = readonly [id: number, kind: string, job: unknown];
export type Reply = readonly [id: number, result: unknown, error: PlainError | undefined];

export interface RequestMessage extends StoreOptions {
  readonly requests: readonly Request[];
}

/** Results of jobs (`isBatch`: of a message; later ones come one by one), or what is not durable yet after some of it was made so. */
export type ReplyMessage = { readonly store: number } & (
  | { readonly replies: readonly Reply[]; readonly isBatch: boolean }
  | { readonly unsynced: number; readonly error: PlainError | undefined }
);
