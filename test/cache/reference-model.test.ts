import test from 'ava';

import { temporaryDirectory } from '../support/temp.js';
import { ReferenceModel } from './model/reference-model.js';

/** Others for a longer search, or the one that failed: `D7Y_MODEL_SEEDS=17` or `=100-400`. */
const [first = 1, last = first] = (process.env['D7Y_MODEL_SEEDS'] ?? '1-8').split('-').map(Number);
const STEPS = Number(process.env['D7Y_MODEL_STEPS'] ?? 400);

// S1
test.serial('random use returns the truth of one version, whatever source and disk do', async (t) => {
  t.timeout(600_000);
  for (let seed = first; seed <= last; seed += 1) {
    const model = new ReferenceModel(seed, await temporaryDirectory(t));
    try {
      await model.run(STEPS);
    } catch (error) {
      t.log(model.trace.join('\n'));
      t.log(error, (error as Error).cause, ((error as Error).cause as Error | undefined)?.cause);
      t.fail(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    t.log(`seed ${seed}: ${JSON.stringify(model.tally)}`);
  }
  t.pass();
});
