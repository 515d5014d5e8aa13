import {
  type CompleteClient,
  type ContentDigest,
  type Promotion,
  Request,
  type RequestOptions,
  type RequestPriority,
  type Response,
  withUid,
} from '../source/index.js';
import type { PeerSource, Peers } from './download/peer-source.js';
import type { VersionIdentity } from './version-identity.js';

export interface VersionClientContext {
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  /** Undefined: nothing comes by a cluster of Dragonfly. */
  readonly peers: Peers | undefined;
}

/** What a version is downloaded for. */
export interface ClientUser {
  readonly url: string;
  /** The user who opened it last. */
  readonly uid: number | undefined;
  /** The range was ignored: the next handle is to read by one download from the start. */
  onRangeIgnored(): void;
  /** A response gives the digest of all its bytes. */
  onDigest(digest: ContentDigest): void;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Downloads one version. What is read of it comes from one client. */
export class VersionClient {
  readonly peers: PeerSource | undefined;
  readonly #context: VersionClientContext;
  readonly #user: ClientUser;
  readonly #version: VersionIdentity;
  /** Taken by the first download. */
  #client: CompleteClient | undefined;

  constructor(context: VersionClientContext, user: ClientUser, version: VersionIdentity) {
    this.#context = context;
    this.#user = user;
    this.#version = version;
    const { peers } = context;
    const mode = peers?.modeFor(user.url, version.validators);
    this.peers = mode && {
      mode,
      stallMs: peers?.stallMs ?? 0,
      download: async (range, priority, signal) => {
        const client = await this.#take();
        return await client.downloadShared?.(this.#request(range, { priority, signal }));
      },
    };
  }

  async download(
    range: Range | undefined,
    promotion: Promotion | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const client = await this.#take();
    const priority: RequestPriority = promotion?.isPromoted === false ? 'background' : 'foreground';
    const options = { priority, signal, ...(promotion === undefined ? {} : { promotion }) };
    const response = await client.download(this.#request(range, options));
    if (response.digest !== undefined) this.#user.onDigest(response.digest);
    if (range !== undefined && range.start > 0 && response.offset === 0) this.#user.onRangeIgnored();
    return response;
  }

  async #take(): Promise<CompleteClient> {
    return (this.#client ??= await this.#context.clientFor(this.#user.url));
  }

  #request(range: Range | undefined, options: RequestOptions & { signal: AbortSignal }): Request {
    return new Request(this.#user.url, {
      ...options,
      pin: this.#version.validators,
      signal: withUid(options.signal, this.#user.uid),
      ...(range === undefined ? {} : { range }),
    });
  }
}
