/** Many readers of little memory: none waits for ever, and nothing is left in use. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { newResponse, type ResourceClient, SourceError } from '../../src/source/index.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { Random } from '../support/random.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { storeFor } from './disk-store-support.js';

const BLOCK_BYTES = 4096;
const FILE_BYTES = 40 * BLOCK_BYTES + 123;
const [READERS, STEPS] = [24, 40];
const [FAILURES, CHUNK_BYTES] = [0.1, 3000];

function contentOf(url: string): Buffer {
  const bytes = Buffer.alloc(FILE_BYTES);
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE((at * 7 + url.length * 31) >>> 0, at);
  return bytes;
}

/** Files of some origins, half of them without ranges, whose bodies break, pause or hang until they are cancelled. */
function clientOf(random: Random, open: Set<object>): ResourceClient {
  const hasRanges = (url: URL): boolean => url.pathname.length % 2 === 0;
  async function* body(bytes: Buffer, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const self = {};
    open.add(self);
    try {
      const breaksAt = random.chance(FAILURES) ? random.below(bytes.length) : Infinity;
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        if (at > breaksAt) throw new SourceError('CONNECTION_LOST', 'lost', 'x');
        if (random.chance(0.3)) await nextTurn();
        signal?.throwIfAborted();
        yield bytes.subarray(at, at + CHUNK_BYTES);
      }
    } finally {
      open.delete(self);
    }
  }
  return {
    getContentLength: async () => FILE_BYTES,
    isSupportRange: async ({ url }) => hasRanges(url),
    getLastModified: async () => -1,
    isExpired: async () => false,
    getMetadata: async ({ url }) => ({
      kind: 'file',
      contentLength: FILE_BYTES,
      supportRange: hasRanges(url),
      lastModified: -1,
      etag: '"1"',
    }),
    download: async ({ url, range = { start: 0, end: FILE_BYTES }, signal }) => {
      await nextTurn();
      if (random.chance(FAILURES)) throw new SourceError('CONNECTION_REFUSED', 'refused', url);
      const asked = hasRanges(url) ? range : { start: 0, end: FILE_BYTES };
      return newResponse(body(contentOf(url.href).subarray(asked.start, asked.end), signal), {
        offset: asked.start,
        contentLength: asked.end - asked.start,
      });
    },
  };
}

for (const [blocks, hasDisk] of [
  [9, false],
  [12, true],
  [40, true],
] as const) {
  test(`no reader waits for ever, and nothing stays in use: ${blocks} blocks, ${hasDisk ? 'a' : 'no'} disk`, async (t) => {
    const random = new Random(blocks);
    const bodies = new Set<object>();
    const client = validatingClient(clientOf(random, bodies));
    let disk: DiskCache | undefined;
    if (hasDisk) disk = await storeFor(t, await temporaryDirectory(t), { limitBytes: 600_000 });
    const cache = new CachedResources(
      { memoryBytes: blocks * BLOCK_BYTES, blockBytes: BLOCK_BYTES, probeBytes: 2 * BLOCK_BYTES },
      {
        clientFor: async () => client,
        budget: MetadataBudget.beside(0),
        log: pino({ level: 'silent' }),
        ...(disk === undefined ? {} : { disk }),
      },
    );
    const wrong: string[] = [];
    const read = async (file: OpenResource, url: string): Promise<void> => {
      const offset = random.below(FILE_BYTES);
      const length = 1 + random.below(random.chance(0.1) ? (blocks - 1) * BLOCK_BYTES : 3 * BLOCK_BYTES);
      const controller = new AbortController();
      const reading = file
        .read(offset, length, (pieces) => Buffer.concat(pieces), controller)
        .catch((error: unknown) => {
          if (!(error instanceof SourceError)) throw error;
          return undefined;
        });
      if (random.chance(0.2)) {
        for (let turn = random.below(6); turn > 0; turn -= 1) await nextTurn();
        controller.abort();
      }
      const bytes = await reading;
      if (bytes !== undefined && !bytes.equals(contentOf(url).subarray(offset, offset + length)))
        wrong.push(`${url} ${offset} +${length}`);
    };
    await Promise.all(
      Array.from({ length: READERS }, async (_, reader) => {
        for (let step = 0; step < STEPS;) {
          const url = `test://host${reader % 3}/${'f'.repeat(1 + random.below(4))}`;
          const file = await Promise.resolve(cache.open(url)).catch(() => undefined);
          if (file === undefined) continue;
          for (let reads = random.below(8); reads >= 0; reads -= 1, step += 1) await read(file, url);
          file.close();
        }
      }),
    );
    t.deepEqual(wrong, []);
    // A download from the start waits for the next reader, and holds nothing.
    await until('nothing is in use', () => cache.report.memory.committedBytes === 0);
    await cache.close();
    await until('no body is open', () => bodies.size === 0);
    t.is(cache.report.memory.committedBytes, 0);
  });
}
