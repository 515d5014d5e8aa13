import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { addressPolicy, type AddressPolicy } from '../../src/source/address-policy.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { RequestActivity } from '../../src/source/request-activity.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { createSftpSource } from '../../src/source/schemes/sftp/create-sftp-source.js';
import type { SshHome } from '../../src/source/schemes/sftp/ssh-config.js';
import type { SftpSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';

export interface SftpClientOfTest {
  /** The same object each time: sessions are kept by it. */
  readonly settingsFor: (url: URL) => SftpSettings;
  /** Default: one that does not exist. */
  readonly home?: Partial<SshHome>;
  readonly policy?: AddressPolicy;
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly activity?: RequestActivity;
  /** Lines of the log. */
  readonly lines?: string[];
}

/** Without anything of the user who runs the test; closed when the test ends. */
export function sftpClient(t: ExecutionContext, options: SftpClientOfTest): CompleteClient {
  const { settingsFor, home = {}, timeoutMs = 10_000, retries = 2, lines = [] } = options;
  const { activity = new RequestActivity() } = options;
  const policy = options.policy ?? addressPolicy({ isShared: false, allowed: [] });
  const engine = createHttpEngine({ timeoutMs, retries, addressPolicy: policy });
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(line) });
  const source = createSftpSource(
    { scheme: 'sftp', engine, activity, settingsFor, log, timeoutMs, retries },
    { directory: '/nonexistent', globalKnownHosts: [], agent: undefined, ...home },
  );
  t.teardown(async () => {
    await source.close?.();
    await engine.close();
  });
  return validatingClient(source);
}
