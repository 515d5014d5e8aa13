/** JSON of a hub: what is not of the expected type is a `ProtocolError`, never a crash. */
import { ProtocolError } from '../../errors.js';
import { MAX_LISTED_ENTRIES } from '../../listing-limits.js';
import type { HttpAnswer, HttpCaller, HttpEngine, HttpRequest } from '../../http/http-engine.js';

const CONTENT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const SHA256_CHARS = 64;
const LONE_SURROGATE = /\p{Surrogate}/u;

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
  // A lone surrogate, which JSON can escape, has no UTF-8.
  if (typeof value === 'string' && !LONE_SURROGATE.test(value)) return value;
  throw wrongType(what, 'a text', value, url);
}

/** A size in bytes. */
export function sizeOf(value: unknown, what: string, url: URL): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw wrongType(what, 'a number of bytes', value, url);
}

/** Of a git object or of SHA-256; else that of the commit, in which nothing changes. Undefined: there is neither. */
export function contentIdOf(id: unknown, commit: string): string | undefined {
  return [id, commit].find((text): text is string => typeof text === 'string' && CONTENT_ID.test(text));
}

export function isSha256(id: unknown): id is string {
  return typeof id === 'string' && CONTENT_ID.test(id) && id.length === SHA256_CHARS;
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
