import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/index.js';
import { createHub } from '../../src/source/schemes/hub/create-hub.js';
import type { HubSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';
import type { HubKind } from '../servers/hub.js';

const PREFIX: Readonly<Record<HubKind, string>> = { hf: '/', modelscope: '/', opencsg: '/csg/' };

/** Of the hub at `origin`, without a token unless the settings have one; closed when the test ends. */
export function hubClient(
  t: ExecutionContext,
  kind: HubKind,
  origin: string,
  { settings = {}, timeoutMs = 5_000 }: { readonly settings?: HubSettings; readonly timeoutMs?: number } = {},
): CompleteClient {
  const engine = createHttpEngine({ timeoutMs, retries: 2 });
  t.teardown(() => engine.close());
  const all: HubSettings = {
    baseUrl: new URL(PREFIX[kind], origin),
    credentials: { kind: 'anonymous' },
    ...settings,
  };
  const log = pino({ enabled: false });
  const context = { scheme: kind, engine, settingsFor: () => all, log, timeoutMs, retries: 2 };
  return validatingClient(createHub(context));
}
