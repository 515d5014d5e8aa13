import test, { type ExecutionContext } from 'ava';

import {
  type CompleteClient,
  Request,
  type RequestOptions,
  SourceError,
  UNKNOWN_SOURCE_FILE_LEN,
} from '../../src/source/index.js';

/** A source with a resource of known content, set up for one test. */
export interface SourceUnderTest {
  readonly client: CompleteClient;
  readonly url: string;
  readonly content: Uint8Array;
  readonly supportsRange: boolean;
  /** A URL that has nothing; absent where the source answers everything. */
  readonly missingUrl?: string;
  /** The directory of `url`, where the source can list. */
  readonly directoryUrl?: string;
}

/** What every source client keeps to, whatever it speaks. */
export function testSource(name: string, setUp: (t: ExecutionContext) => Promise<SourceUnderTest>): void {
  test(`${name}: the length is the content's, or unknown`, async (t) => {
    const { client, url, content } = await setUp(t);
    const length = await client.getContentLength(new Request(url));
    t.true(length === content.byteLength || length === UNKNOWN_SOURCE_FILE_LEN);
    t.is((await metadata(client, url)).contentLength, length);
  });

  test(`${name}: a download without a range is the whole content`, async (t) => {
    const { client, url, content } = await setUp(t);
    t.deepEqual(await bytesOf(client, url), { offset: 0, bytes: Buffer.from(content) });
  });

  test(`${name}: a ranged download is the range, or says that it begins at byte 0`, async (t) => {
    const { client, url, content, supportsRange } = await setUp(t);
    t.is(await client.isSupportRange(new Request(url)).catch(() => false), supportsRange);
    t.is((await metadata(client, url)).supportRange, supportsRange);
    for (const range of [
      { start: 0, end: 1 },
      { start: 3, end: 8 },
      { start: content.byteLength - 2, end: content.byteLength + 1_000 },
    ]) {
      const { offset, bytes } = await bytesOf(client, url, { range });
      t.is(offset, supportsRange ? range.start : 0);
      t.deepEqual(bytes, Buffer.from(supportsRange ? content.subarray(range.start, range.end) : content));
    }
  });

  test(`${name}: the version just read is not expired`, async (t) => {
    const { client, url } = await setUp(t);
    const response = await client.download(new Request(url));
    const info = response.expireInfo();
    response.cancel();
    const isExpired = await client.isExpired(new Request(url), info).catch(() => false);
    t.is(isExpired, Object.keys(info).length === 0 && isExpired);
  });

  test(`${name}: what is missing is NOT_FOUND to every method`, async (t) => {
    const { client, missingUrl } = await setUp(t);
    if (missingUrl === undefined) {
      t.pass();
      return;
    }
    const request = new Request(missingUrl);
    for (const call of [
      client.getContentLength(request),
      client.download(request),
      client.getMetadata(request),
    ]) {
      t.like(await t.throwsAsync(call, { instanceOf: SourceError }), { code: 'NOT_FOUND' });
    }
  });

  test(`${name}: an aborted request ends at once as INTERRUPTED`, async (t) => {
    const { client, url } = await setUp(t);
    const request = new Request(url, { signal: AbortSignal.abort() });
    t.like(await t.throwsAsync(client.download(request)), { code: 'INTERRUPTED' });
    t.like(await t.throwsAsync(client.getMetadata(request)), { code: 'INTERRUPTED' });
  });

  test(`${name}: a directory lists its entries one level deep, each under its own URL`, async (t) => {
    const { client, directoryUrl, url, content } = await setUp(t);
    if (directoryUrl === undefined) {
      t.like(await t.throwsAsync(client.list(new Request(url))), { code: 'LIST_NOT_SUPPORTED' });
      return;
    }
    const entries = await client.list(new Request(directoryUrl));
    const entry = entries.find((candidate) => candidate.url.href === url);
    t.like(entry, { isDir: false, name: url.slice(url.lastIndexOf('/') + 1) });
    t.true(entry?.size === undefined || entry.size === content.byteLength);
  });
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
