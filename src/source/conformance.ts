/**
 * What every source client keeps to, whatever it speaks: checks that throw an `AssertionError`. The sources
 * of the tree are tested by them, and plugins through `testPlugin`.
 */
import assert from 'node:assert/strict';

import { SourceError } from './errors.js';
import { UNKNOWN_SOURCE_FILE_LEN } from './metadata.js';
import { Request, type RequestOptions } from './request.js';
import type { CompleteClient } from './resource-client.js';

/** What a test needs of a source: a resource, and its surroundings. */
export interface SourceFacts {
  readonly url: string;
  /** All of the resource; at least eight bytes. */
  readonly content: Uint8Array;
  readonly supportsRange: boolean;
  /** A URL that has nothing; absent where the source answers everything. */
  readonly missingUrl?: string;
  /** The directory of `url`, where the source can list. */
  readonly directoryUrl?: string;
}

/** A source with a resource of known content, set up for one test. */
export interface SourceUnderTest extends SourceFacts {
  readonly client: CompleteClient;
}

export interface ConformanceCheck {
  readonly title: string;
  readonly check: (source: SourceUnderTest) => Promise<void>;
}

export const CONFORMANCE_CHECKS: readonly ConformanceCheck[] = [
  { title: "the length is the content's, or unknown", check: checkLength },
  { title: 'a download without a range is the whole content', check: checkWhole },
  { title: 'a ranged download is the range, or says that it begins at byte 0', check: checkRanges },
  { title: 'the version just read is not expired', check: checkNotExpired },
  { title: 'what is missing is NOT_FOUND to every method', check: checkMissing },
  { title: 'an aborted request ends at once as INTERRUPTED', check: checkAborted },
  { title: 'a directory lists its entries one level deep, each under its own URL', check: checkListing },
];

async function checkLength({ client, url, content }: SourceUnderTest): Promise<void> {
  const length = await client.getContentLength(new Request(url));
  assert.ok(length === content.byteLength || length === UNKNOWN_SOURCE_FILE_LEN, `the length is ${length}`);
  assert.equal((await metadata(client, url)).contentLength, length);
}

async function checkWhole({ client, url, content }: SourceUnderTest): Promise<void> {
  assertBytes(await bytesOf(client, url), { offset: 0, bytes: content });
}

async function checkRanges({ client, url, content, supportsRange }: SourceUnderTest): Promise<void> {
  assert.equal(await client.isSupportRange(new Request(url)).catch(() => false), supportsRange);
  assert.equal((await metadata(client, url)).supportRange, supportsRange);
  for (const range of [
    { start: 0, end: 1 },
    { start: 3, end: 8 },
    { start: content.byteLength - 2, end: content.byteLength + 1_000 },
  ]) {
    assertBytes(await bytesOf(client, url, { range }), {
      offset: supportsRange ? range.start : 0,
      bytes: supportsRange ? content.subarray(range.start, range.end) : content,
    });
  }
}

async function checkNotExpired({ client, url }: SourceUnderTest): Promise<void> {
  const response = await client.download(new Request(url));
  const info = response.expireInfo();
  response.cancel();
  const isExpired = await client.isExpired(new Request(url), info).catch(() => false);
  assert.equal(isExpired, Object.keys(info).length === 0 && isExpired);
}

async function checkMissing({ client, missingUrl }: SourceUnderTest): Promise<void> {
  if (missingUrl === undefined) return;
  const request = new Request(missingUrl);
  for (const call of [
    client.getContentLength(request),
    client.download(request),
    client.getMetadata(request),
  ]) {
    await assertRejects(call, 'NOT_FOUND');
  }
}

async function checkAborted({ client, url }: SourceUnderTest): Promise<void> {
  const request = new Request(url, { signal: AbortSignal.abort() });
  await assertRejects(client.download(request), 'INTERRUPTED');
  await assertRejects(client.getMetadata(request), 'INTERRUPTED');
}

async function checkListing({ client, directoryUrl, url, content }: SourceUnderTest): Promise<void> {
  if (directoryUrl === undefined) {
    await assertRejects(client.list(new Request(url)), 'LIST_NOT_SUPPORTED');
    return;
  }
  const entries = await client.list(new Request(directoryUrl));
  const entry = entries.find((candidate) => candidate.url.href === url);
  assert.ok(entry !== undefined, `${url} is not listed`);
  assert.equal(entry.isDir, false);
  assert.equal(entry.name, url.slice(url.lastIndexOf('/') + 1));
  assert.ok(entry.size === undefined || entry.size === content.byteLength, `the size is ${entry.size}`);
}

async function assertRejects(call: Promise<unknown>, code: string): Promise<void> {
  const outcome = await call.then(
    () => 'no error',
    (error: unknown) => (error instanceof SourceError ? error.code : String(error)),
  );
  assert.equal(outcome, code);
}

function assertBytes(
  found: { readonly offset: number; readonly bytes: Uint8Array },
  expected: { readonly offset: number; readonly bytes: Uint8Array },
): void {
  assert.equal(found.offset, expected.offset);
  assert.equal(found.bytes.byteLength, expected.bytes.byteLength);
  assert.ok(Buffer.compare(found.bytes, expected.bytes) === 0, 'the bytes are others');
}

async function metadata(
  client: CompleteClient,
  url: string,
): Promise<{ contentLength: number; supportRange: boolean }> {
  const { response, contentLength, supportRange } = await client.getMetadata(new Request(url));
  response?.cancel();
  return { contentLength, supportRange };
}

async function bytesOf(
  client: CompleteClient,
  url: string,
  options: RequestOptions = {},
): Promise<{ offset: number; bytes: Buffer }> {
  const response = await client.download(new Request(url, options));
  response.validate();
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return { offset: response.offset ?? 0, bytes: Buffer.concat(chunks) };
}
