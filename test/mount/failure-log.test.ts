import test from 'ava';
import { pino } from 'pino';

import { FailureLog } from '../../src/mount/failure-log.js';
import { SourceError } from '../../src/source/index.js';

test('failures are logged once for each resource, and not without end', (t) => {
  const lines: string[] = [];
  const failures = new FailureLog(
    pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
  );
  const note = (name: number): void => {
    const error = new SourceError('CONNECTION_REFUSED', 'refused', `http://h/${name}`);
    failures.note('lookup', `/http/h/${name}`, error, 'attributes');
  };
  for (let count = 0; count < 5; count += 1) note(0);
  t.is(lines.length, 1);
  for (let name = 0; name < 5_000; name += 1) note(name);
  t.is(lines.length, 101);
  t.regex(lines.at(-1) ?? '', /no more are logged/);
});
