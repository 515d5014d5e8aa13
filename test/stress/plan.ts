import process from 'node:process';

import { Random } from '../support/random.js';
import { CLI, run } from '../support/run.js';

export interface Plan {
  readonly seed: number;
  readonly cli: string;
  readonly seconds: number;
  readonly readers: number;
  readonly memoryMiB: number;
  /** Undefined: there is no such option. */
  readonly ioThreads: number | undefined;
  readonly disk: 'on' | 'off' | 'full' | 'tiny' | 'readonly' | 'removed';
  readonly mounts: number;
  /** Whether the mount goes on when its process is killed; else it is mounted anew. */
  readonly isSupervised: boolean;
  readonly killsMounts: boolean;
}

const FIXED = JSON.parse(process.env['D7Y_STRESS_PLAN'] ?? '{}') as Partial<Plan>;
const cli = process.env['D7Y_STRESS_CLI'] ?? CLI;
const hasIoThreads = (await run(process.execPath, [cli, '--help'])).stdout.includes('--io-threads');

/** What an episode is, by its seed. */
export function planOf(seed: number): Plan {
  const random = new Random(seed);
  const plan = {
    seed,
    cli,
    seconds: 8,
    readers: 8,
    memoryMiB: random.pick([8, 8, 64]),
    ioThreads: random.pick([0, 1, 3]),
    disk: random.pick(['on', 'on', 'off', 'full', 'tiny', 'readonly', 'removed'] as const),
    mounts: random.pick([1, 1, 2]),
    isSupervised: random.chance(0.3),
    killsMounts: random.chance(0.3),
    ...FIXED,
  };
  return hasIoThreads ? plan : { ...plan, ioThreads: undefined };
}
