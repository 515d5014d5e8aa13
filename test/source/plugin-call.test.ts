import test from 'ava';

import { callForJson, callForRows } from '../../src/source/plugin/call.js';
import { newResponse } from '../../src/source/index.js';
import { OptionMask } from '../../src/source/plugin/option-mask.js';

const SECRET = 'secret-0123456789';

test('what an answer says is masked before it is cut, and only where it is shown', async (t) => {
  const mask = new OptionMask({ token: SECRET });
  let count = 0;
  const call = async (text: string): Promise<unknown> => {
    const process = {
      post: () => Promise.resolve({ status: 200, body: bodyOf(text) }),
      masked: (shown: string) => {
        count += 1;
        return mask.hide(shown);
      },
    };
    const options = { url: 'x://h/', signal: undefined, limitMs: 10_000, maxBytes: 10_000 };
    return await callForJson(process as never, '/metadata', {}, options);
  };
  t.deepEqual(await call('{"a":1}'), { a: 1 });
  t.is(count, 0);
  // The cut is within the secret.
  for (const text of ['x'.repeat(92) + SECRET, JSON.stringify('x'.repeat(92) + SECRET)]) {
    const error = (await t.throwsAsync(call(text))) as Error & { found: string };
    t.regex(error.found, /^"?x{92}…/);
    t.notRegex(error.found, /secret/);
  }
});

test('what is wrong with a list is said without a piece of it', async (t) => {
  const text = `{"entries": [{"name": "some file", "a": ${SECRET}}]}`;
  const process = { post: () => Promise.resolve({ status: 200, body: bodyOf(text) }) };
  const options = {
    url: 'x://h/',
    signal: undefined,
    limitMs: 10_000,
    member: 'entries',
    take: () => undefined,
  };
  const error = (await t.throwsAsync(callForRows(process as never, '/list', {}, options))) as Error & {
    found: string;
  };
  t.is(error.found, "Unexpected token 's'");
});

function bodyOf(text: string): object {
  return newResponse(text);
}
