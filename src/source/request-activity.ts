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

/** How a request goes to its origin. */
export type RequestRoute = 'direct' | 'p2p' | 'proxy';

/** What came by one route. */
export interface RouteActivity {
  /** Bytes of bodies. */
  receivedBytes: number;
}

/** What was requested of one host for one scheme. */
export class HostActivity {
  readonly scheme: string;
  readonly host: string;
  /** By status, or by the code of the failure, in capitals, where there was no response. */
  readonly requests = new Map<string, number>();
  readonly #routes = new Map<RequestRoute, RouteActivity>();
  lastError: LastError | undefined;
  /** Nothing has succeeded since the last error. */
  isFailing = false;
  /** By TLS; undefined: not by HTTP. */
  isEncrypted: boolean | undefined;

  constructor(scheme: string, host: string) {
    this.scheme = scheme;
    this.host = host;
  }

  /** A response came. `isFailure`: of a kind that another try may not meet. */
  noteResponse(status: number, isFailure: boolean): void {
    this.#count(COMMON_STATUS.has(status) ? String(status) : `${Math.floor(status / 100)}xx`);
    this.isFailing = isFailure;
    if (isFailure)
      this.lastError = { atMs: Date.now(), code: `status ${status}`, message: `status ${status}` };
  }

  /** An answer came in a protocol that has no status of HTTP. `code`: one of few, in small letters. */
  noteAnswer(code: string): void {
    this.#count(code);
    this.isFailing = false;
  }

  /** `message` holds no secrets. */
  noteFailure(code: string, message: string): void {
    this.#count(code);
    if (code === 'INTERRUPTED') return;
    this.isFailing = true;
    this.lastError = { atMs: Date.now(), code, message: message.slice(0, MAX_MESSAGE_CHARS) };
  }

  by(route: RequestRoute): RouteActivity {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    const made = { receivedBytes: 0 };
    this.#routes.set(route, made);
    return made;
  }

  get receivedBytes(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#routes].map(([route, { receivedBytes }]) => [route, receivedBytes]));
  }

  #count(code: string): void {
    this.requests.set(code, (this.requests.get(code) ?? 0) + 1);
  }
}

interface LastError {
  readonly atMs: number;
  /** Without the URL and the text of the message. */
  readonly code: string;
  readonly message: string;
}

class SchemeActivity {
  readonly firstByte = new Map<RequestRoute, Histogram>();
  readonly calls = new Map<CallKind, Histogram>();
  /** By the code of the failure. */
  readonly retries = new Map<string, number>();
}

/** What a source is called for. */
export type CallKind = 'metadata' | 'revalidate' | 'list' | 'download';

/** The calls of sources, and the requests that the HTTP engine and sftp send for them. */
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

  noteFirstByte(scheme: string, route: RequestRoute, ms: number): void {
    histogramOf(this.#ofScheme(scheme).firstByte, route).add(ms);
  }

  /** `reason`: the code of the failure before it. */
  noteRetry(scheme: string, reason: string): void {
    const { retries } = this.#ofScheme(scheme);
    retries.set(reason, (retries.get(reason) ?? 0) + 1);
  }

  /** A source has answered, or failed. */
  noteCall(scheme: string, kind: CallKind, ms: number): void {
    histogramOf(this.#ofScheme(scheme).calls, kind).add(ms);
  }

  get report(): RequestReport {
    return {
      hosts: [...this.#hosts.values()].map(
        ({ scheme, host, requests, receivedBytes, lastError, isFailing, isEncrypted }) => ({
          scheme,
          host,
          requests: Object.fromEntries(requests),
          receivedBytes,
          lastError,
          isFailing,
          isEncrypted,
        }),
      ),
      schemes: [...this.#schemes].map(([scheme, { firstByte, calls, retries }]) => ({
        scheme,
        firstByte: [...firstByte].map(([route, { counts }]) => ({ route, counts })),
        calls: [...calls].map(([kind, { counts }]) => ({ kind, counts })),
        retries: Object.fromEntries(retries),
      })),
    };
  }

  #ofScheme(scheme: string): SchemeActivity {
    const known = this.#schemes.get(scheme);
    if (known !== undefined) return known;
    const made = new SchemeActivity();
    this.#schemes.set(scheme, made);
    return made;
  }
}

function histogramOf<Key>(histograms: Map<Key, Histogram>, key: Key): Histogram {
  const known = histograms.get(key);
  if (known !== undefined) return known;
  const made = new Histogram();
  histograms.set(key, made);
  return made;
}

/** How many connections there are, and requests without one. */
export interface PoolReport {
  /** A request is sent or answered. */
  readonly active: number;
  /** Its reader has paused. */
  readonly paused: number;
  readonly idle: number;
  readonly waitingRequests: number;
}

export interface RequestReport {
  readonly hosts: readonly {
    readonly scheme: string;
    readonly host: string;
    /** By status or code. */
    readonly requests: Readonly<Record<string, number>>;
    /** By route. */
    readonly receivedBytes: Readonly<Record<string, number>>;
    readonly lastError: LastError | undefined;
    /** Nothing has succeeded since. */
    readonly isFailing: boolean;
    /** By TLS; undefined: not by HTTP. */
    readonly isEncrypted: boolean | undefined;
  }[];
  readonly schemes: readonly {
    readonly scheme: string;
    /** From a request to the head of its response. */
    readonly firstByte: readonly { readonly route: RequestRoute; readonly counts: HistogramCounts }[];
    /** From a call of the source to its answer. */
    readonly calls: readonly { readonly kind: CallKind; readonly counts: HistogramCounts }[];
    /** By the code of the failure before. */
    readonly retries: Readonly<Record<string, number>>;
  }[];
}
