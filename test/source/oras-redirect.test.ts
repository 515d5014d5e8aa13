import test from 'ava';
import { pino } from 'pino';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { createOras } from '../../src/source/schemes/oras/create-oras.js';
import type { OrasSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { startDockerRegistry } from '../servers/docker-registry.js';
import { read, stat } from '../support/conformance/reading.js';
import { pattern } from '../support/tree.js';

test('blobs that lie at another origin are read there, without the token', async (t) => {
  const registry = await startDockerRegistry(t, { auth: 'token', redirectsBlobs: true });
  const content = pattern(300_000);
  await registry.pushFiles('team/data', 'v1', { 'a file.bin': content });
  const engine = createHttpEngine({ timeoutMs: 30_000, retries: 1 });
  t.teardown(() => engine.close());
  const settings: OrasSettings = {
    credentials: { kind: 'password', user: registry.user, password: literalSecret(registry.password) },
  };
  const log = pino({ enabled: false });
  const context = { scheme: 'oras', engine, settingsFor: () => settings, log, timeoutMs: 30_000, retries: 1 };
  const client = validatingClient(createOras(context));
  const url = `oras://${registry.host}/team/data:v1/a%20file.bin`;
  t.is((await stat(client, url)).contentLength, content.byteLength);
  t.deepEqual(await read(client, url), content);
  const range = { start: 100_000, end: 200_000 };
  t.deepEqual(await read(client, url, { range }), content.subarray(range.start, range.end));
});
