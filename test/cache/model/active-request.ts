import { InterruptedError, type SourceErrorCode } from '../../../src/source/index.js';
import { CODES_OF_FAULT, type Fault } from './faults.js';

/** What a request is for: the version whose bytes it brings, by number, or what is known of the resource. */
export type Scope = number | 'metadata';

/** One request that the source has begun to answer. */
export class ActiveRequest {
  readonly url: string;
  readonly fault: Fault;
  readonly isRanged: boolean;
  /** Whose failures it can cause. */
  readonly scopes = new Set<Scope>();
  /** The failures that it can cause. */
  readonly codes: Set<SourceErrorCode>;
  readonly #onEnd: () => void;
  #isEnded = false;
  #release: ((goesOn: boolean) => void) | undefined;

  constructor(
    url: string,
    options: {
      readonly fault: Fault;
      readonly isRanged: boolean;
      readonly scope: Scope;
      readonly signal: AbortSignal | undefined;
      readonly onEnd: () => void;
    },
  ) {
    this.url = url;
    this.fault = options.fault;
    this.isRanged = options.isRanged;
    this.scopes.add(options.scope);
    this.codes = new Set(CODES_OF_FAULT[options.fault]);
    this.#onEnd = options.onEnd;
    if (options.signal?.aborted === true) this.end();
    options.signal?.addEventListener('abort', () => this.end(), { once: true });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isHanging(): boolean {
    return this.#release !== undefined;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
    this.release(true);
  }

  throwIfEnded(): void {
    if (this.#isEnded) throw new InterruptedError(this.url);
  }

  /** Waits to be released; resolves to whether the answer then goes on. */
  async hang(): Promise<boolean> {
    this.throwIfEnded();
    const goesOn = await new Promise<boolean>((resolve) => {
      this.#release = resolve;
    });
    this.throwIfEnded();
    return goesOn;
  }

  release(goesOn: boolean): void {
    this.#release?.(goesOn);
    this.#release = undefined;
  }
}
