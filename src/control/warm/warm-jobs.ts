import { ControlError } from '../control-error.js';
import { WarmJob } from './warm-job.js';
import type { WarmOptions, WarmReport } from './warm-options.js';
import { WarmRoom } from './warm-room.js';
import type { WarmableCache } from './warmable-cache.js';

const MAX_RUNNING = 8;
/** Those that have ended are shown as long as there are no more of them. */
const MAX_ENDED = 8;

export interface StartedJob {
  readonly id: number;
  readonly report: () => WarmReport;
  readonly cancel: () => void;
  /** Never rejects. */
  readonly ended: Promise<void>;
}

/** The warm jobs of a mount. */
export class WarmJobs {
  readonly #cache: WarmableCache;
  readonly #room: WarmRoom;
  readonly #jobs = new Map<number, WarmJob>();
  #lastId = 0;
  /** By how they ended, since the start. */
  readonly #ended = { done: 0, cancelled: 0, failed: 0 };
  #isClosed = false;

  constructor(cache: WarmableCache) {
    this.#cache = cache;
    this.#room = new WarmRoom(cache);
  }

  /** Running ones, and those that ended last. */
  get reports(): readonly WarmReport[] {
    return [...this.#jobs.values()].map(({ report }) => report);
  }

  /** How many are in each state; of those that have ended, since the start. */
  get counts(): Readonly<Record<WarmReport['state'], number>> {
    return { running: this.#running.length, ...this.#ended };
  }

  get #running(): readonly WarmReport[] {
    return this.reports.filter(({ state }) => state === 'running');
  }

  /** `onLine`: see `WarmJobContext`. Throws a `ControlError`. */
  start(
    options: WarmOptions,
    urls: AsyncIterable<string>,
    onLine: (line: object) => Promise<void>,
  ): StartedJob {
    if (this.#running.length >= MAX_RUNNING || this.#isClosed) {
      throw new ControlError('REFUSED', `${MAX_RUNNING} jobs are running, which is the most`);
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const job = new WarmJob({
      id,
      cache: this.#cache,
      options,
      room: this.#room,
      onLine: (line) => onLine({ job: id, ...line }),
    });
    this.#jobs.set(id, job);
    const ended = job.run(urls).then(() => this.#noteEnded(job));
    return { id, ended, cancel: () => job.cancel(), report: () => job.report };
  }

  /** Throws a `ControlError` if there is no such job. */
  stop(id: number): WarmReport {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new ControlError('NO_SUCH_JOB', `there is no job ${id}`);
    job.cancel();
    return job.report;
  }

  close(): void {
    this.#isClosed = true;
    for (const job of this.#jobs.values()) job.cancel();
  }

  #noteEnded({ report: { job: id, state, isCheck } }: WarmJob): void {
    if (isCheck) this.#jobs.delete(id);
    else if (state !== 'running') this.#ended[state] += 1;
    const ended = this.reports.filter((one) => one.state !== 'running');
    for (const { job } of ended.slice(0, -MAX_ENDED)) this.#jobs.delete(job);
  }
}
