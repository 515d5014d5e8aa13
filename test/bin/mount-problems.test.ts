import test from 'ava';

import { mountProblems } from '../../bin/mount-problems.js';
import { RequestActivity } from '../../src/source/request-activity.js';

test('a host that has just failed is a problem, and one that answers again or is used no more is none', (t) => {
  const activity = new RequestActivity();
  const config = { files: [], loadedAtMs: 0, error: undefined };
  const problems = (nowMs?: number): string[] =>
    mountProblems({ config, lacksDisk: false, requests: activity.report }, nowMs);
  t.deepEqual(problems(), []);
  activity.of('http', 'a').noteFailure('CONNECTION_REFUSED', 'refused: http://a/x');
  activity.of('http', 'b').noteFailure('TIMEOUT', 'late');
  activity.of('http', 'b').noteResponse(404, false);
  t.deepEqual(problems(), ['http://a: refused: http://a/x']);
  t.deepEqual(problems(Date.now() + 120_000), []);
  t.is(
    mountProblems({ config: { ...config, error: 'x' }, lacksDisk: true, requests: activity.report }).length,
    3,
  );
});
