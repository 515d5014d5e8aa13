import test from 'ava';

import {
  type Fetched,
  fixedCredentials,
  RefreshedCredentials,
} from '../../src/source/auth/refreshed-credentials.js';
import { InterruptedError } from '../../src/source/errors.js';

interface Token {
  readonly token: string;
  readonly expiresAtMs?: number;
}

/** A provider with a clock of its own; each fetch waits until it is answered. */
function scripted() {
  const clock = { nowMs: 1_000_000 };
  const fetches: {
    readonly isForced: boolean;
    resolve(fetched: Fetched<Token>): void;
    reject(error: Error): void;
  }[] = [];
  const provider = new RefreshedCredentials<Token>(
    (isForced) =>
      new Promise((resolve, reject) => {
        fetches.push({ isForced, resolve, reject });
      }),
    () => clock.nowMs,
  );
  const answer = (fetched: Fetched<Token>): void => fetches.at(-1)?.resolve(fetched);
  return { clock, fetches, provider, answer };
}

/** `await`: what was resolved has reached the provider. */
async function settled(): Promise<void> {
  await new Promise(setImmediate);
}

test('one fetch serves all callers, and what it brings is kept while it is valid', async (t) => {
  const { clock, fetches, provider, answer } = scripted();
  const calls = [provider.get(), provider.get(), provider.get()];
  const credentials = { token: 'a', expiresAtMs: clock.nowMs + 3_600_000 };
  answer({ credentials });
  for (const call of calls) t.is(await call, credentials);
  clock.nowMs += 3_000_000;
  t.is(await provider.get(), credentials);
  t.is(fetches.length, 1);
});

test('they are refreshed before they expire, without a wait', async (t) => {
  const { clock, fetches, provider, answer } = scripted();
  const first = provider.get();
  const old = { token: 'a', expiresAtMs: clock.nowMs + 600_000 };
  answer({ credentials: old });
  await first;
  clock.nowMs += 310_000;
  t.is(await provider.get(), old);
  t.is(await provider.get(), old);
  t.is(fetches.length, 2);
  const next = { token: 'b', expiresAtMs: clock.nowMs + 600_000 };
  answer({ credentials: next });
  await settled();
  t.is(await provider.get(), next);
  t.is(fetches.length, 2);
});

test('a refresh that fails leaves what is valid, and is tried again', async (t) => {
  const { clock, fetches, provider, answer } = scripted();
  const first = provider.get();
  const old = { token: 'a', expiresAtMs: clock.nowMs + 600_000 };
  answer({ credentials: old });
  await first;
  clock.nowMs += 310_000;
  await provider.get();
  fetches.at(-1)?.reject(new Error('down'));
  await settled();
  t.is(await provider.get(), old);
  t.is(fetches.length, 2, 'not at once');
  clock.nowMs += 5_000;
  await provider.get();
  t.is(fetches.length, 3);
  fetches.at(-1)?.reject(new Error('still down'));
  await settled();
  clock.nowMs += 300_000;
  const expired = provider.get();
  fetches.at(-1)?.reject(new Error('down for good'));
  await t.throwsAsync(async () => await expired, { message: 'down for good' });
  await t.throwsAsync(async () => await provider.get(), { message: 'down for good' }, 'the same for a while');
  t.is(fetches.length, 4);
});

test('what was refused is fetched anew, but not at every request', async (t) => {
  const { clock, fetches, provider, answer } = scripted();
  const first = provider.get();
  const refused = { token: 'a' };
  answer({ credentials: refused });
  await first;
  provider.refused({ token: 'of another' });
  clock.nowMs += 10_000;
  t.is(await provider.get(), refused);
  t.is(fetches.length, 1);
  provider.refused(refused);
  const second = provider.get();
  t.true(fetches.at(-1)?.isForced);
  const next = { token: 'b' };
  answer({ credentials: next });
  t.is(await second, next);
  provider.refused(refused);
  t.is(await provider.get(), next, 'it is not the current one any more');
  provider.refused(next);
  t.is(await provider.get(), next, 'fetched a moment ago');
  t.is(fetches.length, 2);
  clock.nowMs += 5_000;
  const third = provider.get();
  answer({ credentials: { token: 'c' } });
  t.deepEqual(await third, { token: 'c' });
});

test('that there are none is looked up again after a minute, without a wait', async (t) => {
  const { clock, fetches, provider, answer } = scripted();
  const first = provider.get();
  answer({ credentials: undefined, notFound: 'looked everywhere' });
  t.is(await first, undefined);
  t.is(provider.notFound, 'looked everywhere');
  clock.nowMs += 59_000;
  t.is(await provider.get(), undefined);
  t.is(fetches.length, 1);
  clock.nowMs += 1_000;
  t.is(await provider.get(), undefined);
  answer({ credentials: { token: 'a' } });
  await settled();
  t.deepEqual(await provider.get(), { token: 'a' });
  t.is(provider.notFound, undefined);
});

test('a caller that gives up does not end the fetch of the others', async (t) => {
  const { provider, answer } = scripted();
  const controller = new AbortController();
  const [aborted, other] = [provider.get(controller.signal), provider.get()];
  controller.abort();
  await t.throwsAsync(async () => await aborted, { instanceOf: InterruptedError });
  answer({ credentials: { token: 'a' } });
  t.deepEqual(await other, { token: 'a' });
});

test('fixed credentials are always the same', async (t) => {
  const provider = fixedCredentials<Token>(undefined, 'looked in: X');
  t.is(await provider.get(), undefined);
  t.is(provider.notFound, 'looked in: X');
});

test('a fetch that never ends is a timeout, and not the last one', async (t) => {
  const clock = { nowMs: 1_000_000 };
  let isHung = true;
  const provider = new RefreshedCredentials<Token>(
    () => (isHung ? new Promise<never>(() => undefined) : Promise.resolve({ credentials: { token: 'a' } })),
    () => clock.nowMs,
    20,
  );
  // The limit itself keeps no process alive.
  const alive = setInterval(() => undefined, 1_000);
  await t.throwsAsync(async () => await provider.get(), { code: 'TIMEOUT' });
  clearInterval(alive);
  isHung = false;
  clock.nowMs += 10_000;
  t.is((await provider.get())?.token, 'a');
});
