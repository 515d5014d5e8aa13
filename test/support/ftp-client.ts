import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import type { AddressPolicy } from '../../src/source/address-policy.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { createFtpSource } from '../../src/source/schemes/ftp/create-ftp-source.js';
import type { FtpSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';

export interface FtpClientOptions {
  readonly scheme?: 'ftp' | 'ftps';
  readonly settings?: FtpSettings | ((url: URL) => FtpSettings);
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly addressPolicy?: AddressPolicy;
}

/** The source as the registry hands it out, closed when the test ends. */
export function ftpClient(
  t: ExecutionContext,
  { scheme = 'ftp', settings = {}, timeoutMs = 30_000, retries = 2, addressPolicy }: FtpClientOptions = {},
): CompleteClient {
  const engine = createHttpEngine({ timeoutMs, retries, ...(addressPolicy && { addressPolicy }) });
  const client = createFtpSource({
    scheme,
    engine,
    settingsFor: typeof settings === 'function' ? settings : () => settings,
    log: pino({ enabled: false }),
    timeoutMs,
    retries,
  });
  t.teardown(async () => {
    await client.close?.();
    await engine.close();
  });
  return validatingClient(client);
}
