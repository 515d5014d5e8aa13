import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/index.js';
import { createHdfsSource } from '../../src/source/schemes/hdfs/create-hdfs-source.js';
import type { HdfsSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';

/** Closed when the test ends. */
export function hdfsClient(
  t: ExecutionContext,
  settings: HdfsSettings,
  { timeoutMs = 5_000, retries = 2 }: { readonly timeoutMs?: number; readonly retries?: number } = {},
): CompleteClient {
  const engine = createHttpEngine({ timeoutMs, retries });
  t.teardown(() => engine.close());
  const log = pino({ enabled: false });
  const context = { scheme: 'hdfs', engine, settingsFor: () => settings, log, timeoutMs, retries };
  return validatingClient(createHdfsSource(context));
}

/** As the setting `namenodes` has them. */
export function rootsOf(...nodes: readonly { readonly origin: string }[]): URL[] {
  return nodes.map(({ origin }) => new URL(`${origin}/`));
}
