import assert from 'node:assert/strict';

import { CONFORMANCE_CHECKS } from '../../../src/source/conformance.js';
import { Request } from '../../../src/source/request.js';
import { pattern } from '../tree.js';
import { assertCode, assertDigest, assertSame, read, stat, validatorsOf } from './reading.js';
import type { Check, TestedSource } from './tested-source.js';

const MIB = 1024 * 1024;
/** Longer than what comes with metadata, than a block and than a buffer of a socket. */
const LARGE_BYTES = 17 * MIB + 13;

async function put(source: TestedSource, name: string, content: Uint8Array): Promise<string> {
  await source.put(name, content);
  return source.urlOf(name);
}

/** Of the content of files. */
export const CONTENT_CHECKS: readonly Check[] = [
  {
    title: 'keeps the contract of sources',
    needs: ['ranges', 'listing'],
    run: async (t, source) => {
      const content = pattern(200_000);
      const url = await put(source, 'a file.bin', content);
      for (const { title, check } of CONFORMANCE_CHECKS) {
        const facts = { url, content, supportsRange: true, missingUrl: source.urlOf('missing') };
        await t.notThrowsAsync(
          () => check({ ...source, ...facts, directoryUrl: source.urlOf('') }),
          `contract: ${title}`,
        );
      }
    },
  },
  {
    title: 'reports size, type, time and digest',
    needs: [],
    run: async (_, source) => {
      const content = pattern(70_000);
      const url = await put(source, 'dir/file.bin', content);
      const { kind, contentLength, lastModified, digest } = await stat(source.client, url);
      assertDigest(digest, content);
      assert.deepEqual({ kind, contentLength }, { kind: 'file', contentLength: 70_000 });
      const ageMs = Date.now() - lastModified;
      assert.ok(lastModified < 0 || (ageMs > -120_000 && ageMs < 86_400_000), `the file is ${ageMs} ms old`);
    },
  },
  {
    title: 'serves an empty file',
    needs: [],
    run: async (_, source) => {
      const url = await put(source, 'empty', new Uint8Array());
      assert.equal((await stat(source.client, url)).contentLength, 0);
      assert.equal((await read(source.client, url)).byteLength, 0);
    },
  },
  {
    title: 'serves 17 MiB, whole and in ranges',
    needs: ['ranges'],
    run: async (_, source) => {
      const content = pattern(LARGE_BYTES);
      const url = await put(source, 'large.bin', content);
      assert.equal((await stat(source.client, url)).contentLength, LARGE_BYTES);
      assertSame(await read(source.client, url), content);
      for (const range of [
        { start: 0, end: 5 * MIB },
        { start: 9 * MIB + 1, end: 9 * MIB + 2 },
        { start: LARGE_BYTES - 100, end: LARGE_BYTES + MIB },
      ]) {
        assertSame(
          await read(source.client, url, { range }),
          content.subarray(range.start, Math.min(range.end, LARGE_BYTES)),
        );
      }
    },
  },
  {
    title: 'serves many ranges at a time',
    needs: ['ranges'],
    run: async (_, source) => {
      const content = pattern(MIB);
      const url = await put(source, 'file.bin', content);
      const starts = Array.from({ length: 32 }, (__, index) => index * 30_000);
      const parts = await Promise.all(
        starts.map((start) => read(source.client, url, { range: { start, end: start + 30_000 } })),
      );
      assertSame(Buffer.concat(parts), content.subarray(0, 32 * 30_000));
    },
  },
  {
    title: 'says what is missing',
    needs: [],
    run: async (_, source) => {
      await put(source, 'dir/file', pattern(10));
      for (const name of ['missing', 'dir/missing', 'none/missing']) {
        const url = source.urlOf(name);
        await assertCode(stat(source.client, url), 'NOT_FOUND');
        await assertCode(read(source.client, url), 'NOT_FOUND');
      }
    },
  },
  {
    title: 'says what is forbidden',
    needs: ['forbidden'],
    run: async (_, source) => {
      const url = source.urlOf(source.forbidden ?? '');
      await assertCode(stat(source.client, url), 'ACCESS_DENIED');
      await assertCode(read(source.client, url), 'ACCESS_DENIED');
    },
  },
  {
    title: 'says what is archived',
    needs: ['archived'],
    run: async (_, source) => {
      const url = source.urlOf(source.archived ?? '');
      await assertCode(read(source.client, url), 'ARCHIVED');
      await assertCode(read(source.client, url, { range: { start: 0, end: 1 } }), 'ARCHIVED');
    },
  },
  {
    title: 'notices that a file was replaced',
    needs: ['versions', 'replacing', 'ranges'],
    run: async (_, source) => {
      const url = await put(source, 'file.bin', pattern(100_000));
      const response = await source.client.download(new Request(url));
      const info = response.expireInfo();
      response.cancel();
      const pin = validatorsOf(await stat(source.client, url));
      assert.equal(await source.client.isExpired(new Request(url), info), false);
      const range = { start: 50_000, end: 60_000 };
      assert.equal((await read(source.client, url, { range, pin })).byteLength, 10_000);
      const changed = pattern(100_001).toReversed();
      await source.put('file.bin', changed);
      assert.equal(await source.client.isExpired(new Request(url), info), true);
      await assertCode(read(source.client, url, { range, pin }), 'CHANGED');
      assertSame(await read(source.client, url), changed);
    },
  },
  {
    title: 'ends a download that its reader aborts',
    needs: [],
    run: async (_, source) => {
      const url = await put(source, 'file.bin', pattern(4 * MIB));
      const abort = new AbortController();
      const response = await source.client.download(new Request(url, { signal: abort.signal }));
      const reading = (async () => {
        for await (const chunk of response.body) if (chunk.byteLength > 0) abort.abort();
      })();
      await assertCode(reading, 'INTERRUPTED');
    },
  },
  {
    title: 'gets new credentials when the old ones expire',
    needs: ['expireCredentials'],
    run: async (_, source) => {
      const content = pattern(1000);
      const url = await put(source, 'file.bin', content);
      assertSame(await read(source.client, url), content);
      await source.expireCredentials?.();
      assertSame(await read(source.client, url), content);
      assert.equal((await stat(source.client, url)).contentLength, 1000);
    },
  },
  {
    title: 'says that its credentials are refused',
    needs: ['revokeCredentials'],
    run: async (_, source) => {
      const url = await put(source, 'file.bin', pattern(1000));
      await read(source.client, url);
      await source.revokeCredentials?.();
      await assertCode(read(source.client, url), 'ACCESS_DENIED');
      await assertCode(stat(source.client, url), 'ACCESS_DENIED');
    },
  },
];
