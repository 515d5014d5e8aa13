import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { bodyReader } from '../../../src/source/body-reader.js';
import type { ByteRange } from '../../../src/source/byte-range.js';
import { SourceError } from '../../../src/source/errors.js';
import type { ContentDigest, Metadata } from '../../../src/source/metadata.js';
import { Request, type Validators } from '../../../src/source/request.js';
import type { CompleteClient } from '../../../src/source/resource-client.js';
import { bytesOf } from '../drained.js';

/** All bytes that a download brings, however they come. */
export async function read(
  client: CompleteClient,
  url: string,
  options: { readonly range?: ByteRange; readonly pin?: Validators } = {},
): Promise<Buffer> {
  const response = await client.download(new Request(url, options));
  response.validate();
  const reader = bodyReader(response);
  return await bytesOf({ read: (target) => reader.read(target), cancel: () => response.cancel() });
}

/** Without the response that may come with it. */
export async function stat(client: CompleteClient, url: string): Promise<Metadata> {
  const { response, ...metadata } = await client.getMetadata(new Request(url));
  response?.cancel();
  return metadata;
}

export function validatorsOf({ etag, lastModified, contentLength }: Metadata): Validators {
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified < 0 ? {} : { lastModifiedMs: lastModified }),
    ...(contentLength < 0 ? {} : { contentLength }),
  };
}

/** Of large contents the digests are compared: a difference is not printed. */
export function assertSame(found: Uint8Array, expected: Uint8Array): void {
  assert.equal(found.byteLength, expected.byteLength, 'the length');
  assert.equal(sha256(found), sha256(expected), 'the bytes');
}

/** Where the source gives a digest, and it is one that Node knows. */
export function assertDigest(digest: ContentDigest | undefined, content: Uint8Array): void {
  if (digest?.algorithm !== 'sha256' && digest?.algorithm !== 'md5') return;
  assert.equal(digest.hex, createHash(digest.algorithm).update(content).digest('hex'), 'the digest');
}

/** The error that a call ends with. Throws if it ends otherwise. */
export async function failureOf(call: Promise<unknown>): Promise<SourceError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SourceError)) throw new Error(`no SourceError: ${String(error)}`);
  return error;
}

/** The code of the error that a call ends with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'no error',
    (error: unknown) => (error instanceof SourceError ? error.code : String(error)),
  );
}

export async function assertCode(call: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  const code = await codeOf(call);
  assert.ok(codes.includes(code), `${codes.join(' or ')} was expected, and it is ${code}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
