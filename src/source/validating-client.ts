import type { Awaitable } from '../awaitable.js';
import { checkListing } from './checked-listing.js';
import { ClientFaultError, InterruptedError, ListNotSupportedError, SourceError } from './errors.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN } from './metadata.js';
import { orAborted } from './or-aborted.js';
import type { CallKind } from './request-activity.js';
import { Request } from './request.js';
import type { CompleteClient, Hook, RequestAdapter, ResourceClient } from './resource-client.js';
import type { Response } from './response.js';

export interface ValidatingClientOptions {
  readonly adapter?: RequestAdapter | undefined;
  readonly hooks?: readonly Hook[];
  /** Counted up with every call. */
  readonly counters?: CallCounters;
  readonly onFault?: (error: ClientFaultError) => void;
  /** A call has ended: of a download, with the head of the body. */
  readonly onCall?: (kind: CallKind, ms: number) => void;
}

export interface CallCounters {
  calls: number;
  /** Calls that ended in an error, apart from those that their callers gave up. */
  failures: number;
}

/** Of the methods; the others are about metadata. */
const KIND_OF: Readonly<Record<string, CallKind>> = {
  isExpired: 'revalidate',
  download: 'download',
  list: 'list',
};

/**
 * A client as the rest of the program sees it: with the optional methods, its adapter and hooks run, its
 * faults turned into `ClientFaultError`, its results checked, and calls that end when their signal fires.
 */
export function validatingClient(
  client: ResourceClient,
  {
    adapter,
    hooks = [],
    counters = { calls: 0, failures: 0 },
    onFault,
    onCall,
  }: ValidatingClientOptions = {},
): CompleteClient {
  async function call<Result>(
    method: string,
    given: Request,
    work: (request: Request) => Awaitable<unknown>,
    check: (result: unknown) => Awaitable<Result | undefined>,
    drop: (late: Result) => void = () => undefined,
  ): Promise<Result> {
    const url = given.url;
    counters.calls += 1;
    const startedMs = performance.now();
    try {
      return await orAborted(checked(method, given, work, check), given.signal, url, drop);
    } catch (error) {
      if (given.signal?.aborted !== true) counters.failures += 1;
      if (error instanceof SourceError && !(error instanceof ClientFaultError)) throw error;
      if (given.signal?.aborted === true) throw new InterruptedError(url, error);
      const fault =
        error instanceof ClientFaultError
          ? error
          : new ClientFaultError(method, url, { found: describe(error), cause: error });
      onFault?.(fault);
      throw fault;
    } finally {
      onCall?.(KIND_OF[method] ?? 'metadata', performance.now() - startedMs);
    }
  }

  async function checked<Result>(
    method: string,
    given: Request,
    work: (request: Request) => Awaitable<unknown>,
    check: (result: unknown) => Awaitable<Result | undefined>,
  ): Promise<Result> {
    const request = adapter?.(given) ?? given;
    for (const hook of hooks) await hook.beforeRequest?.(request);
    const result = await work(request);
    const checking = check(result);
    const known = checking instanceof Promise ? await checking : checking;
    if (known !== undefined) return known;
    const facts = { expected: 'a result of its type', found: describe(result) };
    throw new ClientFaultError(method, given.url, facts);
  }

  async function hooked(receiving: Awaitable<Response>): Promise<Response> {
    const response = await receiving;
    for (const hook of hooks) await hook.afterResponse?.(response);
    return response;
  }

  const validating: CompleteClient = {
    getContentLength: (request) =>
      call('getContentLength', request, (r) => client.getContentLength(r), checkLength),
    isSupportRange: (request) =>
      call('isSupportRange', request, (r) => client.isSupportRange(r), checkBoolean),
    isExpired: (request, info) => call('isExpired', request, (r) => client.isExpired(r, info), checkBoolean),
    getLastModified: (request) =>
      call('getLastModified', request, (r) => client.getLastModified(r), checkTime),
    download: (request) =>
      call(
        'download',
        request,
        (r) => (hooks.length === 0 ? client.download(r) : hooked(client.download(r))),
        checkResponse,
        (late) => late.cancel(),
      ),
    ...(client.downloadShared !== undefined && {
      downloadShared: (request: Request) =>
        orAborted(Promise.resolve(client.downloadShared?.(request)), request.signal, request.url, (late) =>
          late?.cancel(),
        ),
    }),
    getMetadata: (request) =>
      client.getMetadata === undefined
        ? metadataOfFive(validating, request)
        : call(
            'getMetadata',
            request,
            (r) => client.getMetadata?.(r),
            checkMetadata,
            (late) => late.response?.cancel(),
          ),
    list: (request, onPage) =>
      client.list === undefined
        ? Promise.reject(new ListNotSupportedError(request.url))
        : call(
            'list',
            request,
            (r) => client.list?.(r),
            (value) => checkListing(value, request, onPage),
          ),
  };
  return validating;
}

/** For a client with the five methods only. Two of them may fail, as in Dragonfly's own examples. */
async function metadataOfFive(client: CompleteClient, request: Request): Promise<Metadata> {
  // Without the range: the length of the whole is needed.
  const { url, header, signal } = request;
  const whole = new Request(url, { header, ...(signal === undefined ? {} : { signal }) });
  const [contentLength, supportRange, lastModified] = await Promise.all([
    client.getContentLength(whole),
    client.isSupportRange(whole).catch(() => false),
    client.getLastModified(whole).catch(() => UNKNOWN_LAST_MODIFIED),
  ]);
  return { kind: 'file', contentLength, supportRange, lastModified };
}

function checkLength(value: unknown): number | undefined {
  if (value === -1) return UNKNOWN_SOURCE_FILE_LEN; // Dragonfly's own clients use both.
  return Number.isSafeInteger(value) && Number(value) >= UNKNOWN_SOURCE_FILE_LEN ? Number(value) : undefined;
}

function checkBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function checkTime(value: unknown): number | undefined {
  if (typeof value !== 'number') return undefined;
  return Number.isFinite(value) && value >= 0 ? value : UNKNOWN_LAST_MODIFIED;
}

function checkResponse(value: unknown): Response | undefined {
  const response = value as Response | null | undefined;
  const isResponse =
    (typeof response?.read === 'function' || typeof response?.body === 'object') &&
    typeof response.cancel === 'function' &&
    typeof response.status === 'number';
  return isResponse ? response : undefined;
}

function checkMetadata(value: unknown): Metadata | undefined {
  const metadata = value as Metadata | null | undefined;
  const contentLength = checkLength(metadata?.contentLength);
  const lastModified = checkTime(metadata?.lastModified);
  if (typeof metadata?.supportRange !== 'boolean') return undefined;
  if (contentLength === undefined || lastModified === undefined) return undefined;
  return { ...metadata, contentLength, lastModified };
}

function describe(value: unknown): string {
  return value instanceof Error ? value.message : typeof value;
}
