/** The body of an answer as text. */
import { ProtocolError, SourceError, TimeoutError } from '../errors.js';
import { LISTING_TIME_FACTOR, ListingTooLong, MAX_LISTING_BYTES } from '../listing-limits.js';
import { TextPieces } from '../text-pieces.js';
import { Turns } from '../turns.js';
import type { HttpBody } from './http-body.js';
import type { HttpCaller, TextReader } from './http-engine.js';

const MAX_START_BYTES = 64 * 1024;
const READ_BYTES = 64 * 1024;
const ENOUGH = new Error('enough');

/** The first 64 KiB of a body, or what came of them within `limitMs`; the rest is cancelled. */
export async function readStart(body: HttpBody, limitMs: number): Promise<string> {
  const memory = Buffer.allocUnsafeSlow(MAX_START_BYTES);
  let read = 0;
  const timer = setTimeout(() => body.cancel(ENOUGH), limitMs);
  try {
    const onBytes = (bytes: number): void => {
      read = bytes;
    };
    await body.read({ pieces: [memory], onBytes });
  } catch {
    // The status says enough.
  } finally {
    clearTimeout(timer);
    body.cancel(ENOUGH);
  }
  return memory.toString('utf8', 0, read);
}

/** The whole of a small body. */
export async function readText(
  body: HttpBody,
  caller: HttpCaller,
  { maxBytes, limitMs }: { readonly maxBytes: number; readonly limitMs: number },
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  await readWithin(body, caller, limitMs, (chunk) => {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLong(caller, `${maxBytes} bytes`);
    chunks.push(Buffer.from(chunk));
  });
  return Buffer.concat(chunks).toString();
}

/** A body of any length in pieces of text, between which other work has its turns. */
export async function readPieces<Result>(
  body: HttpBody,
  caller: HttpCaller,
  timeoutMs: number,
  reader: TextReader<Result>,
): Promise<Result> {
  const pieces = new TextPieces();
  const turns = new Turns(caller.signal);
  let bytes = 0;
  await readWithin(body, caller, timeoutMs * LISTING_TIME_FACTOR, async (chunk) => {
    bytes += chunk.byteLength;
    if (bytes > MAX_LISTING_BYTES) throw tooLong(caller, `${MAX_LISTING_BYTES} bytes`);
    for (const text of pieces.add(chunk)) await turns.spend(text.length, reader.read(text));
  });
  try {
    reader.read(pieces.end());
    return reader.end();
  } catch (error) {
    throw readerFailure(error, caller);
  }
}

/** `take` may use the memory of a chunk until it has returned. */
async function readWithin(
  body: HttpBody,
  caller: HttpCaller,
  limitMs: number,
  take: (chunk: Buffer) => void | Promise<void>,
): Promise<void> {
  const facts = { expected: `a document within ${limitMs / 1000} s`, found: 'more to come' };
  // A body that keeps making progress would be read without end.
  const timer = setTimeout(() => body.cancel(new TimeoutError(caller.url, facts)), limitMs);
  const memory = Buffer.allocUnsafeSlow(READ_BYTES);
  try {
    for (let bytes = memory.length; bytes === memory.length;) {
      bytes = await body.read({ pieces: [memory] });
      try {
        await take(memory.subarray(0, bytes));
      } catch (error) {
        throw readerFailure(error, caller);
      }
    }
  } finally {
    clearTimeout(timer);
    body.cancel();
  }
}

function readerFailure(error: unknown, caller: HttpCaller): SourceError {
  if (error instanceof SourceError) return error;
  if (error instanceof ListingTooLong) return tooLong(caller, error.expected);
  return new ProtocolError('the document cannot be read', caller.url, {
    expected: 'what the source documents',
    // Its message may quote the document, and a secret in it.
    found: error instanceof Error ? error.name : 'something else',
    cause: error,
  });
}

function tooLong({ url }: HttpCaller, limit: string): ProtocolError {
  return new ProtocolError('the document is too long', url, { expected: `at most ${limit}`, found: 'more' });
}
