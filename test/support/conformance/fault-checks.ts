import assert from 'node:assert/strict';

import { Request } from '../../../src/source/request.js';
import type { FaultFront, ServerAnswer, WholeAnswer } from '../fault-front.js';
import { pattern } from '../tree.js';
import { listOf, putNames } from './listing-checks.js';
import { assertCode, assertSame, codeOf, read, stat, validatorsOf } from './reading.js';
import type { Check, TestedSource } from './tested-source.js';

const BUSY: WholeAnswer = { status: 503 };
const FILE_BYTES = 1_000_000;

function frontOf({ front }: TestedSource): FaultFront {
  if (front === undefined) throw new Error('the source lacks a front');
  return front;
}

async function putFile(source: TestedSource): Promise<{ readonly url: string; readonly content: Buffer }> {
  const content = pattern(FILE_BYTES);
  await source.put('file.bin', content);
  return { url: source.urlOf('file.bin'), content };
}

/** The transport's own words for a body that ends early. */
const LOST = ['CONNECTION_LOST', 'PROTOCOL', 'TIMEOUT'] as const;

/** Of what happens between the server and the source. */
export const FAULT_CHECKS: readonly Check[] = [
  {
    title: 'goes on with a body that was cut',
    needs: ['front', 'ranges', 'versions'],
    run: async (_, source) => {
      const { url, content } = await putFile(source);
      frontOf(source).add({ cutAfterBytes: 300_000, times: 2 });
      assertSame(await read(source.client, url), content);
    },
  },
  {
    title: 'fails where every body is cut, and never takes a part for the whole',
    needs: ['front'],
    run: async (_, source) => {
      const { url } = await putFile(source);
      frontOf(source).add({ cutAfterBytes: 0 });
      await assertCode(read(source.client, url), ...LOST);
    },
  },
  {
    title: 'fails as CHANGED where a file is replaced while it is read',
    needs: ['front', 'ranges', 'versions', 'replacing'],
    run: async (_, source) => {
      const { url } = await putFile(source);
      const pin = validatorsOf(await stat(source.client, url));
      const front = frontOf(source);
      front.add({ before: () => source.put('file.bin', pattern(FILE_BYTES + 1)), times: 1 });
      await assertCode(read(source.client, url, { pin }), 'CHANGED');
    },
  },
  {
    title: 'does not mix versions when a body is cut and the file replaced',
    needs: ['front', 'ranges', 'versions', 'replacing'],
    run: async (_, source) => {
      const { url } = await putFile(source);
      const pin = validatorsOf(await stat(source.client, url));
      const front = frontOf(source);
      const other = pattern(FILE_BYTES + 1).toReversed();
      front.add({ before: () => source.put('file.bin', other), times: 1 });
      // The newest counts: first the cut, then the change.
      front.add({ cutAfterBytes: 300_000, times: 1 });
      await assertCode(read(source.client, url, { pin }), 'CHANGED');
    },
  },
  {
    title: 'waits for a slow body',
    needs: ['front'],
    run: async (_, source) => {
      const content = pattern(6000);
      await source.put('slow.bin', content);
      frontOf(source).add({ drip: { bytes: 1000, everyMs: 60 } });
      assertSame(await read(source.client, source.urlOf('slow.bin')), content);
    },
  },
  {
    title: 'gives up on a server that does not answer',
    needs: ['front'],
    timeoutMs: 500,
    run: async (_, source) => {
      const { url } = await putFile(source);
      frontOf(source).add({ hangs: true });
      await assertCode(read(source.client, url), 'TIMEOUT');
    },
  },
  {
    title: 'tries again when the server was busy',
    needs: ['front'],
    run: async (_, source) => {
      const { url, content } = await putFile(source);
      frontOf(source).add({ answer: source.busyAnswer ?? BUSY, times: 1 });
      assertSame(await read(source.client, url), content);
    },
  },
  {
    title: 'says that the server stays busy',
    needs: ['front'],
    run: async (_, source) => {
      const { url } = await putFile(source);
      frontOf(source).add({ answer: source.busyAnswer ?? BUSY });
      await assertCode(read(source.client, url), 'BUSY');
    },
  },
  {
    title: 'ends a listing that its caller aborts',
    needs: ['front', 'listing'],
    run: async (_, source) => {
      await source.put('dir/a', pattern(1));
      const abort = new AbortController();
      frontOf(source).add({ hangs: true, before: () => abort.abort() });
      const request = new Request(source.urlOf('dir/'), { signal: abort.signal });
      await assertCode(source.client.list(request), 'INTERRUPTED');
    },
  },
  {
    title: 'does not take a listing that was cut for the whole',
    needs: ['front', 'listing'],
    run: async (_, source) => {
      for (const name of ['a', 'b', 'c']) await source.put(`dir/${name}`, pattern(1));
      frontOf(source).add({ cutAfterBytes: 200 });
      await assertCode(listOf(source.client, source.urlOf('dir/')), ...LOST);
    },
  },
  {
    title: 'does not take a listing that ends early for the whole',
    needs: ['front', 'listing', 'listing ends'],
    run: async (_, source) => {
      for (const name of ['a', 'b', 'c']) await source.put(`dir/${name}`, pattern(1));
      const half = ({ body, ...answer }: ServerAnswer): WholeAnswer => ({
        ...answer,
        body: body.subarray(0, body.length * 0.6),
      });
      frontOf(source).add({ rewrite: half });
      await assertCode(listOf(source.client, source.urlOf('dir/')), 'PROTOCOL');
    },
  },
  {
    title: 'does not follow pages that lead nowhere',
    needs: ['front', 'listing', 'pages'],
    run: async (_, source) => {
      const names = Array.from({ length: 2500 }, (__, index) => `many/${index}`);
      await putNames(source, names);
      const front = frontOf(source);
      let first: WholeAnswer | undefined;
      front.add({ rewrite: (answer) => (first ??= answer) });
      const before = front.requests.length;
      await assertCode(listOf(source.client, source.urlOf('many/')), 'PROTOCOL');
      assert.ok(front.requests.length - before < 10, `${front.requests.length - before} requests`);
    },
  },
  {
    title: 'recovers when the faults are over',
    needs: ['front', 'listing'],
    run: async (_, source) => {
      const { url, content } = await putFile(source);
      const front = frontOf(source);
      front.add({ cutAfterBytes: 0 });
      assert.notEqual(await codeOf(read(source.client, url)), 'no error');
      assert.notEqual(await codeOf(listOf(source.client, source.urlOf(''))), 'no error');
      front.clear();
      assertSame(await read(source.client, url), content);
      assert.equal((await listOf(source.client, source.urlOf(''))).length, 1);
    },
  },
];
