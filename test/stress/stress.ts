/**
 * Reads mounts as programs do, in many ways at once, while origin, disk, readers and mounts fail, and checks every byte,
 * and what is left when all is closed. It goes in episodes, each of a seed: `D7Y_STRESS_SEED=17` begins with that one.
 * `D7Y_STRESS_SECONDS` says how long, `D7Y_STRESS_PLAN={"disk":"full"}` what is not to be random, `D7Y_STRESS_CLI` which build.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { Episode } from './episode.js';
import { planOf } from './plan.js';

const SECONDS = Number(process.env['D7Y_STRESS_SECONDS'] ?? 35);
const FIRST_SEED = Number(process.env['D7Y_STRESS_SEED'] ?? Math.floor(Math.random() * 1e6));
const end = Date.now() + SECONDS * 1000;
for (let seed = FIRST_SEED; Date.now() < end; seed += 1) {
  const plan = planOf(seed);
  process.stdout.write(`${JSON.stringify(plan)}\n`);
  const directory = await mkdtemp(join(tmpdir(), 'd7y-stress-'));
  const episode = new Episode(plan, directory);
  await episode.run();
  process.stdout.write(`  ${JSON.stringify(episode.figures)}\n`);
  if (episode.problems.length === 0) {
    await rm(directory, { recursive: true, force: true });
  } else {
    process.exitCode = 1;
    process.stdout.write(`failed: D7Y_STRESS_SEED=${seed} npm run test:stress; logs are in ${directory}\n`);
  }
}
