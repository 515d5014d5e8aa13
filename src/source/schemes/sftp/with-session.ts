import { isRetryable } from '../../http/http-failure.js';
import type { Request } from '../../request.js';
import { withRetries } from '../../retry.js';
import type { HostSessions, Lease } from './host-sessions.js';
import { failureOf } from './sftp-failure.js';

const BACKOFF_MS = 200;

/**
 * `use` with a session, and with another one where that is lost; its errors are `SourceError`s. The session is released
 * when `use` fails, and else by `use` or what it returns.
 */
export type WithSession = <Result>(
  request: Pick<Request, 'url' | 'signal'>,
  use: (lease: Lease) => Promise<Result>,
) => Promise<Result>;

export function sessionUser(
  sessionsFor: (url: URL) => HostSessions,
  { timeoutMs, retries }: { readonly timeoutMs: number; readonly retries: number },
): WithSession {
  const policy = { retries, deadlineMs: timeoutMs, backoffMs: BACKOFF_MS, isRetryable };
  return async ({ url, signal }, use) =>
    await withRetries(policy, signal, async () => {
      let lease: Lease | undefined;
      try {
        lease = await sessionsFor(url).lease(url, signal);
        return await use(lease);
      } catch (error) {
        lease?.release();
        throw failureOf(error, url, signal);
      }
    });
}
