import test from 'ava';

import { mountAttributes } from '../../bin/mount-attributes.js';
import { mountReport } from '../support/mount-report.js';

test('the root shows what the mount does, and to other users no URL', (t) => {
  const { cache, requests, p2p } = mountReport();
  const context = { cache: () => cache, requests: () => requests, p2p: () => p2p };
  const own = mountAttributes({ ...context, isShared: false });
  t.is(own('user.d7y.pid'), String(process.pid));
  t.is(own('user.d7y.hitrate'), '0.750');
  t.is(own('user.d7y.p2p'), 'up');
  t.is(mountAttributes({ ...context, p2p: () => undefined, isShared: false })('user.d7y.p2p'), 'off');
  t.is(own('user.d7y.errors'), '2');
  t.regex(own('user.d7y.last_error') ?? '', /no answer/);
  t.is(own('user.d7y.url'), undefined);
  const shared = mountAttributes({ ...context, isShared: true });
  t.is(shared('user.d7y.errors'), '2');
  t.is(shared('user.d7y.last_error'), undefined);
});
