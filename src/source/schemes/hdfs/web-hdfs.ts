/** The operations of WebHDFS that read ("WebHDFS REST API" of Apache Hadoop), with fail-over between name nodes. */
import { encodeKey, encodeStrict } from '../../auth/canonical.js';
import { ChangedError, IsDirectoryError, ProtocolError, SourceError } from '../../errors.js';
import { HeaderFields } from '../../http/header-fields.js';
import { expectedBytesOf } from '../../http/http-download.js';
import type { HttpAnswer, HttpCaller, HttpEngine, HttpRequest } from '../../http/http-engine.js';
import { isRetryable } from '../../http/http-failure.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import type { Request } from '../../request.js';
import { withRetries } from '../../retry.js';
import { keyOf } from '../bucket/object-key.js';
import { followPages } from '../../listing-pages.js';
import { dataNodeFailure, type DataNodeNames, dataNodeOf } from './data-node.js';
import { DirectoryReader, type DirectoryPage } from './directory-reader.js';
import { type FileStatus, fileStatusOf, sizeInEtag } from './file-status.js';
import type { HdfsAccess } from './hdfs-access.js';
import type { NameNodes } from './name-nodes.js';

const MAX_STATUS_BYTES = 64 * 1024;
const BACKOFF_MS = 200;

type Query = Readonly<Record<string, string | number>>;

/** One call of `open`, with what its tries have in common. */
interface Opening {
  readonly request: Request;
  readonly resumed: LowSpeedLimit | undefined;
  readonly query: Query;
  /** Of data nodes. */
  readonly failedHosts: Set<string>;
  /** Of the last data node. */
  failure?: unknown;
}

export class WebHdfs {
  readonly #engine: HttpEngine;
  readonly #access: HdfsAccess;
  readonly #nameNodes: NameNodes;
  readonly #dataNodes: DataNodeNames | undefined;
  /** HttpFS and name nodes before Hadoop 3 know no pages. */
  #knowsPages = true;

  constructor(
    engine: HttpEngine,
    access: HdfsAccess,
    nameNodes: NameNodes,
    dataNodes: DataNodeNames | undefined,
  ) {
    this.#engine = engine;
    this.#access = access;
    this.#nameNodes = nameNodes;
    this.#dataNodes = dataNodes;
  }

  async status(caller: HttpCaller): Promise<FileStatus> {
    const { url } = caller;
    const { text } = await this.#send(caller, { op: 'GETFILESTATUS' }, (request) =>
      this.#engine.fetchText({ ...request, allowed: [200] }, caller, MAX_STATUS_BYTES),
    );
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    return fileStatusOf((value as { readonly FileStatus?: unknown } | undefined)?.FileStatus, url);
  }

  /** The pages of a directory. `directory`: its URL, with a slash at the end. */
  async *list(caller: HttpCaller, directory: URL): AsyncGenerator<DirectoryPage> {
    if (this.#knowsPages) {
      const pages = followPages<{ readonly value: string }, DirectoryPage>(directory, (start) =>
        this.#page(caller, directory, {
          op: 'LISTSTATUS_BATCH',
          ...(start === undefined ? {} : { startAfter: start.value }),
        }),
      );
      const first = await pages.next().catch((error: unknown) => {
        if (!isUnknownOperation(error)) throw error;
        return undefined;
      });
      if (first !== undefined) {
        if (first.done !== true) yield first.value;
        yield* pages;
        return;
      }
    }
    yield await this.#page(caller, directory, { op: 'LISTSTATUS' });
    // It has answered, so that it was the operation which was refused.
    this.#knowsPages = false;
  }

  #page(caller: HttpCaller, directory: URL, query: Query): Promise<DirectoryPage> {
    const isBatch = query['op'] === 'LISTSTATUS_BATCH';
    return this.#send(caller, query, (request) =>
      this.#engine.fetchPieces(
        { ...request, allowed: [200] },
        caller,
        () => new DirectoryReader(directory, isBatch),
      ),
    );
  }

  /**
   * The bytes of the range of a request, of one version: that of the pin, or the one that the file has. Its tag is in the header of the
   * answer, which is a 200. The data node opens the file by its path, so the file had a version at that time which it had both before
   * and after.
   */
  async open(request: Request, resumed: LowSpeedLimit | undefined): Promise<HttpAnswer> {
    const { url, pin, range, signal } = request;
    const pinned = pin?.etag !== undefined && sizeInEtag(pin.etag) !== undefined ? pin.etag : undefined;
    const etag = pinned ?? (await this.#fileStatus(request)).etag;
    const sizeBytes = sizeInEtag(etag) ?? 0;
    const offset = range?.start ?? 0;
    const length = Math.min(range?.end ?? sizeBytes, sizeBytes) - offset;
    if (length < 0 || (length === 0 && range !== undefined)) {
      const facts = { expected: `a range of ${sizeBytes} bytes`, found: `offset ${offset}` };
      throw new ProtocolError('there is no such range', url, facts);
    }
    const opening: Opening = {
      request,
      resumed,
      query: { op: 'OPEN', offset, length },
      failedHosts: new Set(),
    };
    const policy = {
      retries: this.#engine.retries,
      deadlineMs: Math.min(this.#engine.timeoutMs, resumed?.leftMs ?? Infinity),
      backoffMs: BACKOFF_MS,
      // Name nodes were tried again by themselves.
      isRetryable: (error: unknown) => error === opening.failure && isRetryable(error),
    };
    const opened = await withRetries(policy, signal, (leftMs) => this.#openOnce(opening, leftMs)).catch(
      async (error: unknown) => {
        await this.#checkVersion(request, etag, error);
        throw error;
      },
    );
    try {
      await this.#checkVersion(request, etag);
    } catch (error) {
      opened.body.cancel();
      throw error;
    }
    return { ...opened, header: new HeaderFields([...opened.header.entries, ['etag', etag]]) };
  }

  async #openOnce(opening: Opening, leftMs: number): Promise<HttpAnswer> {
    const { request, resumed, failedHosts } = opening;
    const { url } = request;
    const answer = await this.#redirect(opening);
    // HttpFS, and other gateways, have read it themselves.
    if (answer.status === 200) return answer;
    answer.body.cancel();
    const place = { from: answer.url, path: pathOf(url), requested: url };
    const target = dataNodeOf(answer.header.get('location'), place, this.#dataNodes);
    const profile = await this.#access.dataNodeProfile(url, target);
    try {
      const sent: HttpRequest = {
        ...profile,
        url: target.url,
        allowed: [200],
        expectedBytes: expectedBytesOf(request),
        retries: 0,
        // A silent one leaves time for a replica.
        timeoutMs: failedHosts.size === 0 && this.#engine.retries > 0 ? leftMs / 2 : leftMs,
      };
      return await this.#engine.send(sent, request, resumed);
    } catch (error) {
      failedHosts.add(target.url.hostname);
      opening.failure = dataNodeFailure(error, target, url);
      throw opening.failure;
    }
  }

  /** The answer of a name node to OPEN. Data nodes that have failed are left out, if there are others. */
  async #redirect({ request, resumed, query, failedHosts }: Opening): Promise<HttpAnswer> {
    const send = async (all: Query): Promise<HttpAnswer> =>
      await this.#send(request, all, (one) =>
        this.#engine.send(
          { ...one, allowed: [200, 307], expectedBytes: expectedBytesOf(request) },
          request,
          resumed,
        ),
      );
    if (failedHosts.size === 0) return await send(query);
    try {
      return await send({ ...query, excludedatanodes: [...failedHosts].join(',') });
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== 'UNEXPECTED_STATUS') throw error;
      failedHosts.clear();
      return await send(query);
    }
  }

  /** Throws if the file has another version by now. `failure`: of an operation that would not have failed with this version. */
  async #checkVersion(request: Request, etag: string, failure?: unknown): Promise<void> {
    if (failure instanceof SourceError && !MAY_BE_CHANGED.has(failure.code)) return;
    const { url } = request;
    const status = await this.#fileStatus(request).catch((error: unknown) => {
      if (failure !== undefined) return undefined;
      throw error;
    });
    if (status === undefined || status.etag === etag) return;
    throw new ChangedError(url, { expected: `version ${etag}`, found: `version ${status.etag}` });
  }

  async #fileStatus(caller: HttpCaller): Promise<FileStatus> {
    const status = await this.status(caller);
    if (status.kind === 'directory') throw new IsDirectoryError(caller.url);
    return status;
  }

  #send<Result>(
    caller: HttpCaller,
    query: Query,
    send: (request: Omit<HttpRequest, 'allowed'>) => Promise<Result>,
  ): Promise<Result> {
    const path = pathOf(caller.url);
    const text = Object.entries(query).map(([name, value]) => `${name}=${encodeStrict(String(value))}`);
    return this.#nameNodes.send(caller, async (root, limits) => {
      const url = new URL(`webhdfs/v1/${path}?${text.join('&')}`, root);
      return await send({ ...(await this.#access.profile(caller.url)), ...limits, url });
    });
  }
}

/** Encoded, without slashes at its ends. */
function pathOf(url: URL): string {
  return encodeKey(keyOf(url).replace(/\/$/, ''));
}

const MAY_BE_CHANGED = new Set(['UNEXPECTED_STATUS', 'INVALID_REQUEST', 'IS_DIRECTORY']);

function isUnknownOperation(error: unknown): boolean {
  return error instanceof SourceError && (error.code === 'INVALID_REQUEST' || error.status === 400);
}
