import { TimeoutError } from '../../errors.js';
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
  return async ({ url, signal }, use) => {
    const attempt = async (): Promise<Awaited<ReturnType<typeof use>>> => {
      let lease: Lease | undefined;
      try {
        lease = await sessionsFor(url).lease(url, signal);
        return await use(lease);
      } catch (error) {
        lease?.release();
        throw failureOf(error, url, signal);
      }
    };
    let isFirst = true;
    return await withRetries(policy, signal, async (leftMs) => {
      const working = attempt();
      // A session has the limit of one operation; a second try has what is left of it.
      const result = isFirst ? working : within(leftMs, working, url);
      isFirst = false;
      return await result;
    });
  };
}

/** What comes too late is released. */
function within<Result>(leftMs: number, working: Promise<Result>, url: URL): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = new TimeoutError(url, { expected: 'an answer of the server', found: 'none in time' });
    const timer = setTimeout(() => {
      reject(late);
      working.then(release, () => undefined);
    }, leftMs);
    working.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function release(result: unknown): void {
  if (typeof result === 'object' && result !== null && 'release' in result) (result as Lease).release();
}
