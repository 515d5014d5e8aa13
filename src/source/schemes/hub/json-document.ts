/** JSON of a hub: what is not of the expected type is a `ProtocolError`, never a crash. */
import { ProtocolError } from '../../errors.js';
import { MAX_LISTED_ENTRIES } from '../../listing-limits.js';
import type { HttpAnswer, HttpCaller, HttpEngine, HttpRequest } from '../../http/http-engine.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** A page of a listing of a thousand entries has half a megabyte at most. */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** Sends a request that is answered in JSON. */
export async function fetchJson(
  engine: HttpEngine,
  request: Omit<HttpRequest, 'allowed'>,
  caller: HttpCaller,
): Promise<{ readonly value: unknown; readonly answer: HttpAnswer & { readonly text: string } }> {
  const header = { accept: 'application/json', ...request.header };
  const answer = await engine.fetchText({ ...request, header, allowed: [200] }, caller, MAX_DOCUMENT_BYTES);
  try {
    return { value: JSON.parse(answer.text), answer };
  } catch (cause) {
    throw new ProtocolError('the hub does not answer in JSON', caller.url, {
      expected: 'JSON',
      found: `${answer.header.get('content-type') ?? 'no Content-Type'}, ${answer.text.length} characters`,
      cause,
    });
  }
}

export function objectOf(value: unknown, what: string, url: URL): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw wrongType(what, 'an object', value, url);
}

export function listOf(value: unknown, what: string, url: URL): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrongType(what, 'a list', value, url);
}

export function textOf(value: unknown, what: string, url: URL): string {
  if (typeof value === 'string') return value;
  throw wrongType(what, 'a text', value, url);
}

/** A size in bytes. */
export function sizeOf(value: unknown, what: string, url: URL): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw wrongType(what, 'a number of bytes', value, url);
}

/** An ISO 8601 time in milliseconds since the epoch, if it is one. */
export function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function wrongType(what: string, expected: string, value: unknown, url: URL): ProtocolError {
  return new ProtocolError('the hub answers otherwise than it documents', url, {
    expected: `${what}: ${expected}`,
    found: value === null ? 'null' : typeof value,
  });
}

/** Refuses a listing that is too long whole: one that is cut off would deny what is there. */
export function checkLength(entries: number, url: URL): void {
  if (entries <= MAX_LISTED_ENTRIES) return;
  throw new ProtocolError('the listing is too long', url, {
    expected: `at most ${MAX_LISTED_ENTRIES} entries`,
    found: 'more',
  });
}

export function noEnd(url: URL): ProtocolError {
  return new ProtocolError('a listing has no end', url, {
    expected: 'a new page',
    found: 'the same page again',
  });
}
