import type { Awaitable } from '../../awaitable.js';
import { TimeoutError } from '../errors.js';
import { orAborted } from '../or-aborted.js';
import type { CredentialProvider } from './credentials.js';

/** What is valid for less is fetched anew, while it goes on being used. */
const REFRESH_BEFORE_MS = 5 * 60_000;
/** What is valid for less is not used for a new request. */
const EXPIRY_MARGIN_MS = 60_000;
/** After a refusal or a failure. */
const MIN_INTERVAL_MS = 5_000;
/** That there are none is known so long: someone may log in. */
const NONE_TTL_MS = 60_000;

/** The vendors' packages set no limit to some services and commands, and a fetch without end would be the last one. */
const LIMIT_MS = 60_000;

interface Expiring {
  readonly expiresAtMs?: number;
}

export interface Fetched<Credentials> {
  /** Undefined: there are none. */
  readonly credentials: Credentials | undefined;
  /** Where they were looked for, if there are none. */
  readonly notFound?: string;
}

/** Keeps what `fetch` brings while it is valid; one fetch at a time serves all callers, and no caller's signal ends it. */
export class RefreshedCredentials<Credentials extends object> implements CredentialProvider<Credentials> {
  /** `isForced`: what was brought before was refused, so that no cache may serve the fetch. */
  readonly #fetch: (isForced: boolean) => Promise<Fetched<Credentials>>;
  readonly #nowMs: () => number;
  readonly #limitMs: number;
  #current: Fetched<Credentials & Expiring> | undefined;
  #failure: unknown;
  #fetching: Promise<void> | undefined;
  #fetchedAtMs = -Infinity;
  #isRefused = false;

  constructor(
    fetch: (isForced: boolean) => Promise<Fetched<Credentials & Expiring>>,
    nowMs: () => number = Date.now,
    limitMs = LIMIT_MS,
  ) {
    this.#fetch = fetch;
    this.#nowMs = nowMs;
    this.#limitMs = limitMs;
  }

  get notFound(): string | undefined {
    return this.#current?.notFound;
  }

  get(signal?: AbortSignal): Awaitable<Credentials | undefined> {
    if (!this.#isUnusable()) {
      if (this.#isOld() && this.#mayFetch()) void this.#refresh();
      return this.#usable();
    }
    const fetching = this.#mayFetch() ? this.#refresh() : this.#fetching;
    if (fetching === undefined) return this.#usable();
    return orAborted(fetching, signal, 'credentials:').then(() => this.#usable());
  }

  #usable(): Credentials | undefined {
    // A failure counts only while there is nothing better.
    if (this.#current === undefined || (this.#failure !== undefined && this.#isExpired()))
      throw this.#failure;
    return this.#current.credentials;
  }

  refused(given: Credentials): void {
    if (given === this.#current?.credentials) this.#isRefused = true;
  }

  #mayFetch(): boolean {
    return this.#fetching === undefined && this.#nowMs() - this.#fetchedAtMs >= MIN_INTERVAL_MS;
  }

  #isUnusable(): boolean {
    return this.#current === undefined || this.#isRefused || this.#isExpired();
  }

  #isExpired(): boolean {
    return this.#leftMs() < EXPIRY_MARGIN_MS;
  }

  #isOld(): boolean {
    if (this.#current?.credentials === undefined) return this.#nowMs() - this.#fetchedAtMs >= NONE_TTL_MS;
    return this.#leftMs() < REFRESH_BEFORE_MS;
  }

  #leftMs(): number {
    return (this.#current?.credentials?.expiresAtMs ?? Infinity) - this.#nowMs();
  }

  /** Never rejects. */
  #refresh(): Promise<void> {
    this.#fetchedAtMs = this.#nowMs();
    const isForced = this.#isRefused;
    this.#fetching = within(this.#limitMs, this.#fetch(isForced))
      .then(
        (fetched) => {
          this.#current = fetched;
          this.#failure = undefined;
          this.#isRefused = false;
        },
        (error: unknown) => {
          this.#failure = error;
        },
      )
      .finally(() => {
        this.#fetching = undefined;
      });
    return this.#fetching;
  }
}

async function within<Result>(limitMs: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const facts = { expected: `an answer within ${limitMs / 1000} s`, found: 'none' };
    timer = setTimeout(() => reject(new TimeoutError('credentials:', facts)), limitMs).unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Credentials that do not change: those of the environment, or none at all. */
export function fixedCredentials<Credentials>(
  credentials: Credentials | undefined,
  notFound?: string,
): CredentialProvider<Credentials> {
  return { get: () => credentials, refused: () => undefined, notFound };
}
