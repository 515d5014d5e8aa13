import {
  type CompleteClient,
  type ContentDigest,
  type Promotion,
  Request,
  type RequestOptions,
  type RequestPriority,
  type Response,
  withUid,
} from '../../source/index.js';
import type { VersionIdentity } from '../version-identity.js';
import { NotSharedError, type Peers, type PeerSource } from './peer-source.js';

/** What a version is downloaded for. */
export interface ClientUser {
  readonly url: string;
  readonly identity: VersionIdentity;
  /** The user who opened it last. */
  readonly uid: number | undefined;
  /** The range was ignored: the next handle is to read by one download from the start. */
  noteRangeIgnored(): void;
  /** A response gives the digest of all its bytes. */
  learnDigest(digest: ContentDigest): void;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Downloads one version. What is read of it comes from one client. */
export class VersionClient {
  /** Undefined: all comes from the source. */
  readonly peers: PeerSource | undefined;
  readonly #clientFor: (url: string) => Promise<CompleteClient>;
  readonly #user: ClientUser;
  /** Taken by the first download. */
  #client: CompleteClient | undefined;

  constructor(
    { clientFor, peers }: { clientFor: (url: string) => Promise<CompleteClient>; peers: Peers | undefined },
    user: ClientUser,
  ) {
    this.#clientFor = clientFor;
    this.#user = user;
    const mode = peers?.modeFor(user.url, user.identity.validators);
    this.peers = mode && {
      mode,
      stallMs: peers?.stallMs ?? 0,
      download: async (range, priority, signal) => {
        const client = await this.#take();
        const response = await client.downloadShared?.(this.#request(range, { priority, signal }));
        if (response === undefined) throw new NotSharedError();
        return response;
      },
    };
  }

  /** All of it without a range. With a `promotion` that has not happened, it is readahead. `ChangedError` if the source has another one. */
  async download(
    range: Range | undefined,
    promotion: Promotion | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const client = await this.#take();
    const priority: RequestPriority = promotion?.isPromoted === false ? 'background' : 'foreground';
    const options = { priority, signal, ...(promotion === undefined ? {} : { promotion }) };
    const response = await client.download(this.#request(range, options));
    if (response.digest !== undefined) this.#user.learnDigest(response.digest);
    if (range !== undefined && range.start > 0 && response.offset === 0) this.#user.noteRangeIgnored();
    return response;
  }

  async #take(): Promise<CompleteClient> {
    return (this.#client ??= await this.#clientFor(this.#user.url));
  }

  #request(range: Range | undefined, options: RequestOptions & { signal: AbortSignal }): Request {
    return new Request(this.#user.url, {
      ...options,
      pin: this.#user.identity.validators,
      signal: withUid(options.signal, this.#user.uid),
      ...(range === undefined ? {} : { range }),
    });
  }
}
