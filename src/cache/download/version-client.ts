import {
  type CompleteClient,
  type Promotion,
  Request,
  type RequestOptions,
  type RequestPriority,
  type Response,
  withUid,
} from '../../source/index.js';
import type { DownloadContext } from './downloader.js';
import { NotSharedError, type Peers, type PeerSource } from './peer-source.js';

export interface ClientSource {
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  /** Undefined: nothing comes by a cluster of Dragonfly. */
  readonly peers: Peers | undefined;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Downloads one version. What is read of it comes from one client. */
export class VersionClient {
  /** Undefined: all comes from the source. */
  readonly peers: PeerSource | undefined;
  readonly #clientFor: ClientSource['clientFor'];
  readonly #version: DownloadContext;
  /** Taken by the first download. */
  #client: CompleteClient | undefined;

  constructor({ clientFor, peers }: ClientSource, version: DownloadContext) {
    this.#clientFor = clientFor;
    this.#version = version;
    const mode = peers?.modeFor(version.url, version.file.version.validators);
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
    const { digest, offset } = response;
    if (digest !== undefined && this.#version.file.digest === undefined) this.#version.learn({ digest });
    if (range !== undefined && range.start > 0 && offset === 0) this.#version.noteRangeIgnored();
    return response;
  }

  async #take(): Promise<CompleteClient> {
    return (this.#client ??= await this.#clientFor(this.#version.url));
  }

  #request(range: Range | undefined, options: RequestOptions & { signal: AbortSignal }): Request {
    return new Request(this.#version.url, {
      ...options,
      pin: this.#version.file.version.validators,
      signal: withUid(options.signal, this.#version.uid),
      ...(range === undefined ? {} : { range }),
    });
  }
}
