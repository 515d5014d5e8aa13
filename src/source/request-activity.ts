import { Histogram, type HistogramCounts } from '../histogram.js';

/** As many hosts are counted by themselves; those that come later are `other`. */
const MAX_HOSTS = 50;
export const OTHER_HOSTS = 'other';
const MAX_MESSAGE_CHARS = 300;
/** Others are counted by their class, so that no server makes more and more counters. */
const COMMON_STATUS = new Set([
  200, 204, 206, 207, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 412, 416, 429,
  500, 501, 502, 503, 504,
]);

/** What was requested of one host for one scheme. */
export class HostActivity {
  readonly scheme: string;
  readonly host: string;
  /** By status, or by the code of the failure where there was no response. */
  readonly requests = new Map<string, number>();
  /** Bytes of bodies. */
  receivedBytes = 0;
  lastError: LastError | undefined;
  /** Nothing has succeeded since the last error. */
  isFailing = false;

  constructor(scheme: string, host: string) {
    this.scheme = scheme;
    this.host = host;
  }

  /** A response came. `isFailure`: of a kind that another try may not meet. */
  noteResponse(status: number, isFailure: boolean): void {
    this.#count(COMMON_STATUS.has(status) ? String(status) : `${Math.floor(status / 100)}xx`);
    this.isFailing = isFailure;
    if (isFailure) this.lastError = { atMs: Date.now(), message: `status ${status}` };
  }

  /** `message` holds no secrets. */
  noteFailure(code: string, message: string): void {
    this.#count(code);
    if (code === 'INTERRUPTED') return;
    this.isFailing = true;
    this.lastError = { atMs: Date.now(), message: message.slice(0, MAX_MESSAGE_CHARS) };
  }

  #count(code: string): void {
    this.requests.set(code, (this.requests.get(code) ?? 0) + 1);
  }
}

interface LastError {
  readonly atMs: number;
  readonly message: string;
}

interface SchemeActivity {
  readonly firstByte: Histogram;
  retries: number;
}

/** The requests that the HTTP engine sends for sources. */
export class RequestActivity {
  readonly #hosts = new Map<string, HostActivity>();
  readonly #schemes = new Map<string, SchemeActivity>();
  readonly #names = new Set<string>();

  of(scheme: string, host: string): HostActivity {
    const known = this.#hosts.get(`${scheme} ${host}`);
    if (known !== undefined) return known;
    const name = this.#names.has(host) || this.#names.size < MAX_HOSTS ? host : OTHER_HOSTS;
    if (name !== OTHER_HOSTS) this.#names.add(name);
    const key = `${scheme} ${name}`;
    const made = this.#hosts.get(key) ?? new HostActivity(scheme, name);
    this.#hosts.set(key, made);
    return made;
  }

  noteFirstByte(scheme: string, ms: number): void {
    this.#ofScheme(scheme).firstByte.add(ms);
  }

  noteRetry(scheme: string): void {
    this.#ofScheme(scheme).retries += 1;
  }

  get report(): RequestReport {
    return {
      hosts: [...this.#hosts.values()].map(
        ({ scheme, host, requests, receivedBytes, lastError, isFailing }) => ({
          scheme,
          host,
          requests: Object.fromEntries(requests),
          receivedBytes,
          lastError,
          isFailing,
        }),
      ),
      schemes: [...this.#schemes].map(([scheme, { firstByte, retries }]) => ({
        scheme,
        firstByte: firstByte.counts,
        retries,
      })),
    };
  }

  #ofScheme(scheme: string): SchemeActivity {
    const known = this.#schemes.get(scheme);
    if (known !== undefined) return known;
    const made = { firstByte: new Histogram(), retries: 0 };
    this.#schemes.set(scheme, made);
    return made;
  }
}

export interface RequestReport {
  readonly hosts: readonly {
    readonly scheme: string;
    readonly host: string;
    /** By status or code. */
    readonly requests: Readonly<Record<string, number>>;
    readonly receivedBytes: number;
    readonly lastError: LastError | undefined;
    /** Nothing has succeeded since. */
    readonly isFailing: boolean;
  }[];
  readonly schemes: readonly {
    readonly scheme: string;
    /** From a request to the head of its response. */
    readonly firstByte: HistogramCounts;
    readonly retries: number;
  }[];
}
