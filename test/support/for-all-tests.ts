import test, { type ExecutionContext } from 'ava';

/** Stands for all tests of a file together: what is started for it ends after the last of them. Called once, at its top. */
export function forAllTests(): ExecutionContext {
  const teardowns: (() => unknown)[] = [];
  test.after.always('end what the tests shared', async () => {
    for (const end of teardowns.toReversed()) await end();
  });
  const shared: Pick<ExecutionContext, 'teardown'> = {
    teardown: (end) => {
      teardowns.push(end);
    },
  };
  return shared as ExecutionContext;
}
