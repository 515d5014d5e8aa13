import test, { type ExecutionContext } from 'ava';

/**
 * What all tests of a file share, as a server. Called at the top of the file; `start` runs when the first test needs it, and
 * not where `--match` leaves out all tests. It ends after the last test.
 */
export function startedOnce<Shared>(
  start: (all: ExecutionContext) => Promise<Shared>,
): () => Promise<Shared> {
  const teardowns: (() => unknown)[] = [];
  test.after.always(`end what the tests share (${(hooks += 1)})`, async () => {
    for (const end of teardowns.toReversed()) await end();
  });
  const all: Pick<ExecutionContext, 'teardown'> = {
    teardown: (end) => {
      teardowns.push(end);
    },
  };
  let started: Promise<Shared> | undefined;
  return () => (started ??= start(all as ExecutionContext));
}

/** Titles of hooks differ. */
let hooks = 0;
