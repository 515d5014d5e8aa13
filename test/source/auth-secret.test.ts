import { format, inspect } from 'node:util';

import test from 'ava';

import { Secret } from '../../src/source/auth/secret.js';

test('a secret is shown by nothing but reveal', (t) => {
  const secret = new Secret('hunter2');
  const around = { key: secret, list: [secret] };
  const shown = [
    String(secret),
    JSON.stringify(around),
    inspect(around, { showHidden: true, customInspect: false }),
    inspect(secret),
    format('%s %o %O %j', secret, secret, secret, secret),
    new Error(`failed with ${String(secret)}`).message,
    Object.entries(secret).join(' '),
  ];
  for (const text of shown) t.false(text.includes('hunter2'), text);
  t.true(inspect(around).includes('***'));
  t.is(secret.reveal(), 'hunter2');
});
