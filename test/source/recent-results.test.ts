import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import test from 'ava';

import { Request } from '../../src/source/index.js';
import { RecentResults } from '../../src/source/schemes/recent-results.js';
import { until } from '../support/until.js';

test('a result is kept no longer than it is recent', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const results = new RecentResults<object>(10);
  let kept: WeakRef<object> | undefined;
  const query = (): Promise<object> => {
    const value = { text: 'a document' };
    kept = new WeakRef(value);
    return Promise.resolve(value);
  };
  const request = new Request('hf://ada/model');
  await results.get('a', request, query);
  await results.get('a', request, () => Promise.reject(new Error('it is recent')));
  await until('the result is collected', () => {
    collect();
    return kept?.deref() === undefined;
  });
  t.pass();
});
