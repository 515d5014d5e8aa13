import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/index.js';
import { createBlobSource } from '../../src/source/schemes/blob/create-blob-source.js';
import type { AbsSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';
import type { RunningBlobServer } from '../servers/blob/blob-server.js';

/** With the key of the account, unless the settings have other credentials; closed when the test ends. */
export function blobClient(
  t: ExecutionContext,
  server: RunningBlobServer,
  { settings = {}, timeoutMs = 5_000 }: { readonly settings?: AbsSettings; readonly timeoutMs?: number } = {},
): CompleteClient {
  const engine = createHttpEngine({ timeoutMs, retries: 2 });
  t.teardown(() => engine.close());
  const all: AbsSettings = {
    endpoint: new URL(server.origin),
    account: server.account,
    credentials: { kind: 'key', key: literalSecret(server.key) },
    ...settings,
  };
  const log = pino({ enabled: false });
  const context = { scheme: 'abs', engine, settingsFor: () => all, log, timeoutMs, retries: 2 };
  return validatingClient(createBlobSource(context));
}
