import { Histogram, type HistogramCounts } from '../histogram.js';
import { AccessLog } from './access-log.js';
import type { Caller } from './caller.js';

/** A request of the kernel that is being served. */
export interface RunningOperation {
  readonly operation: string;
  readonly startedMs: number;
  readonly caller: Pick<Caller, 'isFollowing'>;
}

interface OperationCounts {
  readonly durations: Histogram;
  /** By errno. */
  readonly errors: Map<number, number>;
}

/** What a mount has done for the kernel, and what it is doing. */
export class MountActivity {
  /** Opens whose reads the kernel serves by itself. */
  passthroughOpens = 0;
  /** Requests that the kernel interrupted; undefined where the transport does not see that. */
  interrupts: number | undefined;
  /** Bytes put into the page cache when a file was opened, without a READ. */
  storedBytes = 0;
  /** Inodes that the kernel knows. Set by a transport that counts them. */
  countInodes: () => number | undefined = () => undefined;
  readonly accessLog = new AccessLog();
  readonly #operations = new Map<string, OperationCounts>();
  /** The one that began first is the first. */
  readonly #running = new Set<RunningOperation>();

  begin(operation: string, caller: RunningOperation['caller'] = {}): RunningOperation {
    const running = { operation, startedMs: performance.now(), caller };
    this.#running.add(running);
    return running;
  }

  /** `errno`: 0 for success. */
  end(running: RunningOperation, errno: number): void {
    if (!this.#running.delete(running) || running.caller.isFollowing === true) return;
    let counts = this.#operations.get(running.operation);
    if (counts === undefined) {
      counts = { durations: new Histogram(), errors: new Map() };
      this.#operations.set(running.operation, counts);
    }
    counts.durations.add(performance.now() - running.startedMs);
    if (errno !== 0) counts.errors.set(errno, (counts.errors.get(errno) ?? 0) + 1);
  }

  get report(): ActivityReport {
    const running = [...this.#running].filter(({ caller }) => caller.isFollowing !== true);
    const [oldest] = running;
    return {
      operations: [...this.#operations].map(([name, { durations, errors }]) => ({
        name,
        durations: durations.counts,
        errors: [...errors].map(([errno, count]) => ({ errno, count })),
      })),
      inFlight: running.length,
      oldestMs: oldest === undefined ? 0 : performance.now() - oldest.startedMs,
      passthroughOpens: this.passthroughOpens,
      storedBytes: this.storedBytes,
      interrupts: this.interrupts,
      inodes: this.countInodes(),
    };
  }
}

export interface ActivityReport {
  readonly operations: readonly {
    readonly name: string;
    readonly durations: HistogramCounts;
    readonly errors: readonly { readonly errno: number; readonly count: number }[];
  }[];
  readonly inFlight: number;
  /** How long the request that was begun first has been running. */
  readonly oldestMs: number;
  readonly passthroughOpens: number;
  readonly storedBytes: number;
  readonly interrupts: number | undefined;
  readonly inodes: number | undefined;
}
