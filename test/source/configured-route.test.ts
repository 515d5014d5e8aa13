import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { configuredRoute } from '../../src/source/http/configured-route.js';
import { temporaryDirectory } from '../support/temp.js';

test('a route has the files and the proxy of its settings, and no secret in its key', async (t) => {
  const ca = join(await temporaryDirectory(t), 'ca.pem');
  const settings = { tls: { ca }, proxy: literalSecret('http://user:hidden%40@proxy.example:3128') };
  await t.throwsAsync(async () => await configuredRoute(settings), { code: 'NOT_CONFIGURED' });
  await writeFile(ca, 'PEM');
  const route = await configuredRoute(settings);
  t.deepEqual(route?.tls, { ca: 'PEM' });
  t.is(String(route?.proxy), 'http://proxy.example:3128/');
  t.is(route?.proxyAuthorization, `Basic ${Buffer.from('user:hidden@').toString('base64')}`);
  t.false(route?.key.includes('hidden'));
  t.is(await configuredRoute(settings), route);
  const other = { ...settings, proxy: literalSecret('http://user:other@proxy.example:3128') };
  t.not((await configuredRoute(other))?.key, route?.key);
  t.is(await configuredRoute({}), undefined);
  t.is((await configuredRoute({ proxy: 'direct' }))?.proxy, 'direct');
});
