/** Random readers, aborted at any moment, with a dfdaemon that fails now and then, and little memory. */
import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';

import type { OpenResource } from '../../src/cache/resource-cache.js';
import { DFDAEMON_FAULTS, type DfdaemonFault } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { Random } from '../support/random.js';
import { startedOnce } from '../support/started-once.js';
import { FILE_BYTES, MIB, serveFile, startNode } from './support.js';

const SEED = Number(process.env['P2P_SEED'] ?? Date.now() % 1_000_000);
const READERS = 6;
const shared = startedOnce((all) => serveFile(all));
const STEPS = Number(process.env['P2P_STEPS'] ?? 60);
const FAULTS: DfdaemonFault[] = [
  DFDAEMON_FAULTS.cutMidBody,
  DFDAEMON_FAULTS.stallsMidBody,
  DFDAEMON_FAULTS.schedulerFails,
  DFDAEMON_FAULTS.resets,
  DFDAEMON_FAULTS.otherTag,
  { cutAfterBytes: 100_000 },
  { stallAfterBytes: 2 * MIB },
];

for (const { mode, memoryBytes } of [
  { mode: 'stream', memoryBytes: 6 * MIB },
  { mode: 'stream', memoryBytes: 64 * MIB },
  { mode: 'ranges', memoryBytes: 64 * MIB },
] as const) {
  test.serial(`${mode}, ${memoryBytes / MIB} MiB of memory: no byte is wrong`, async (t) => {
    const { url, content } = await shared();
    // The breaker is open for moments only.
    const now = (): number => performance.now() * 300;
    const node = await startNode(t, { mode, now, firstByteMs: 1e6, stallMs: 200, cache: { memoryBytes } });
    const random = new Random(SEED);
    const wrong: string[] = [];
    await Promise.all(Array.from({ length: READERS }, (_, reader) => readAround(reader)));
    t.deepEqual(wrong, [], `P2P_SEED=${SEED}`);

    async function readAround(reader: number): Promise<void> {
      let file: OpenResource | undefined;
      let offset = 0;
      for (let step = 0; step < STEPS; step += 1) {
        if (random.chance(0.03)) node.dfdaemon.add({ ...random.pick(FAULTS), times: 1 });
        // Each name is a file of its own.
        file ??= await node.cache.open(`${url}?${random.between(0, 3)}`);
        if (random.chance(0.05)) offset = random.chance(0.5) ? 0 : random.between(0, FILE_BYTES - 1);
        const length = random.between(1, MIB);
        const controller = new AbortController();
        const options = { signal: controller.signal, readsAll: random.chance(0.3) };
        const reading = file
          .read(offset, length, (pieces) => Buffer.concat(pieces), options)
          .catch((error: unknown) => {
            if (!controller.signal.aborted) throw error;
            return undefined;
          });
        if (random.chance(0.2)) void sleep(random.between(0, 6)).then(() => controller.abort());
        const bytes = await reading;
        if (bytes !== undefined && !bytes.equals(content.subarray(offset, offset + length))) {
          wrong.push(`reader ${reader}, step ${step}: ${length} bytes at ${offset}`);
        }
        offset = Math.min(offset + length, FILE_BYTES - 1);
        if (random.chance(0.1)) {
          file.close();
          file = undefined;
        }
      }
      file?.close();
    }
  });
}
