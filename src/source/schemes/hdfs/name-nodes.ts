/** The name nodes of a cluster, of which one is active. */
import { SourceError } from '../../errors.js';
import type { HttpCaller, HttpEngine } from '../../http/http-engine.js';
import { isRetryable } from '../../http/http-failure.js';
import { withRetries } from '../../retry.js';
import type { HdfsSettings } from '../../settings.js';

/** What one try at one of them may take; others follow it. */
export interface TryLimits {
  readonly retries: 0;
  readonly timeoutMs: number;
}

const BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 2_000;

/** The roots that `webhdfs/v1/` is below: of the settings, or of the host of a URL. Each ends with a slash. */
export function nameNodesOf(url: URL, { namenodes }: HdfsSettings): readonly URL[] {
  return namenodes ?? [new URL(`http://${url.port === '' ? `${url.host}:${DEFAULT_PORT}` : url.host}/`)];
}

const DEFAULT_PORT = 9870;

export class NameNodes {
  readonly #nodes: readonly URL[];
  readonly #engine: Pick<HttpEngine, 'retries' | 'timeoutMs'>;
  /** The one that answered last. */
  #active = 0;

  constructor(nodes: readonly URL[], engine: Pick<HttpEngine, 'retries' | 'timeoutMs'>) {
    this.#nodes = nodes;
    this.#engine = engine;
  }

  /**
   * Sends to the active one; to the others where it is in standby, starting, unreachable or silent; and to all once more after
   * a while: as often as a request is retried, or, while one of several says that it is not active yet, until the deadline.
   */
  async send<Result>(
    caller: HttpCaller,
    send: (root: URL, limits: TryLimits) => Promise<Result>,
  ): Promise<Result> {
    const { retries, timeoutMs } = this.#engine;
    let rounds = 0;
    const policy = {
      retries: Number.POSITIVE_INFINITY,
      deadlineMs: timeoutMs,
      backoffMs: BACKOFF_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
      isRetryable: (error: unknown) =>
        isElsewhere(error) && (rounds <= retries || (this.#nodes.length > 1 && isBusy(error))),
    };
    return await withRetries(policy, caller.signal, async (leftMs) => {
      rounds += 1;
      return await this.#sendOnce(send, performance.now() + leftMs);
    });
  }

  async #sendOnce<Result>(
    send: (root: URL, limits: TryLimits) => Promise<Result>,
    endMs: number,
  ): Promise<Result> {
    const first = this.#active;
    let failure: unknown;
    for (let tried = 0; tried < this.#nodes.length; tried += 1) {
      const at = (first + tried) % this.#nodes.length;
      const [root] = this.#nodes.slice(at);
      if (root === undefined) break;
      // A silent one leaves time for the others.
      const timeoutMs = Math.max(1, (endMs - performance.now()) / (this.#nodes.length - tried));
      try {
        const result = await send(root, { retries: 0, timeoutMs });
        this.#active = at;
        return result;
      } catch (error) {
        if (!isElsewhere(error)) {
          this.#active = at;
          throw error;
        }
        // One that is there says more than one that is not.
        if (failure === undefined || !isBusy(failure)) failure = error;
      }
    }
    throw failure;
  }
}

/** Whether another name node, or the same one later, may answer. */
function isElsewhere(error: unknown): boolean {
  return (
    error instanceof SourceError && (isRetryable(error) || isBusy(error) || error.code === 'HOST_UNREACHABLE')
  );
}

function isBusy(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'BUSY';
}
