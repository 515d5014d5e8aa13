import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/index.js';
import { createWebdavSource } from '../../src/source/schemes/webdav/create-webdav-source.js';
import type { WebdavSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';

export interface WebdavClientOfTest {
  readonly settingsFor?: (url: URL) => WebdavSettings;
  readonly timeoutMs?: number;
  readonly retries?: number;
  /** Lines of the log. */
  readonly lines?: string[];
}

/** Closed when the test ends. */
export function webdavClient(t: ExecutionContext, options: WebdavClientOfTest = {}): CompleteClient {
  const { settingsFor = () => NONE, timeoutMs = 5_000, retries = 2, lines = [] } = options;
  const engine = createHttpEngine({ timeoutMs, retries });
  t.teardown(() => engine.close());
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(line) });
  const context = { scheme: 'webdav', engine, settingsFor, log, timeoutMs, retries };
  return validatingClient(createWebdavSource(context));
}

const NONE: WebdavSettings = {};
