/**
 * A process that uses a store, for tests of crashes, of sharing and of rights. Arguments: what to do, the
 * directory. Sends what it finds to its parent.
 */
import process from 'node:process';

import type { DiskStore } from '../../src/cache/disk/disk-store.js';
import {
  CHURN_OPTIONS,
  type Logged,
  opened,
  openStore,
  Sample,
  sampleOf,
  SAMPLES,
  SMALL_FILES,
  write,
} from './disk-store-support.js';

/** Writes runs of many versions, for ever. */
async function writeForEver(store: DiskStore, seed: number): Promise<never> {
  for (let round = seed; ; round += 1) {
    const sample = sampleOf(round % SAMPLES);
    const version = await opened(store, sample);
    const first = (round * 31) % sample.blockCount;
    const count = Math.min(1 + (round % 17), sample.blockCount - first);
    const writes = [write(version, first, sample.blocks(first, count))];
    if (round % 5 === 0) writes.push(write(version, 0, sample.blocks(0, sample.blockCount)));
    if (round % 11 === 0) store.confirm(sample.key, sample.facts);
    if (round % 13 === 0) store.drop(sampleOf((round + 3) % SAMPLES).key);
    await Promise.all(writes);
    version.localFd();
    version.close();
    if (round === seed + 3) process.send?.('writing');
  }
}

/** Writes small files, many at once, for ever. */
async function writeSmall(store: DiskStore, from: number): Promise<never> {
  for (let first = from; ; first += SMALL_FILES) {
    const writes = Array.from({ length: SMALL_FILES }, async (_, i) => {
      const sample = new Sample(`small ${first + i}`, 3_000);
      const version = await opened(store, sample);
      await write(version, 0, [sample.block(0)]);
      version.close();
      if (first + i === from) process.send?.('writing');
    });
    await Promise.all(writes);
  }
}

/** Answers requests of the parent: `store N`, `read N`, `used`. */
async function serve(store: DiskStore, logged: readonly Logged[]): Promise<void> {
  process.on('message', (message: string) => {
    void answer(store, logged, message).then((reply) => process.send?.(reply));
  });
  process.send?.('ready');
  await new Promise(() => {});
}

async function answer(store: DiskStore, logged: readonly Logged[], message: string): Promise<unknown> {
  const [verb, argument] = message.split(' ');
  if (verb === 'log') return logged.map(({ msg }) => msg);
  if (verb === 'used') return store.usedBytes;
  const sample = sampleOf(Number(argument));
  const version = await store.open(sample.key, sample.facts);
  if (version === undefined) return 'not opened';
  try {
    if (verb === 'store') return await write(version, 0, sample.blocks(0, sample.blockCount));
    const targets = sample.targets(0, sample.blockCount);
    const right = await version.read(0, targets);
    const isWrong = right.some(
      (isRight, index) => isRight && targets[index]?.equals(sample.block(index)) !== true,
    );
    return isWrong ? 'wrong bytes' : right.filter(Boolean).length;
  } finally {
    version.close();
  }
}

const [task, directory = '', argument = '0'] = process.argv.slice(2);
if (task === 'write') await writeForEver(await openStore(directory, CHURN_OPTIONS), Number(argument));
if (task === 'small') await writeSmall(await openStore(directory), Number(argument));
if (task === 'serve') {
  const logged: Logged[] = [];
  await serve(await openStore(directory, {}, logged), logged);
}
