import type { RequestPriority, Response, Validators } from '../../source/index.js';

/** What is configured of the cluster. */
export interface Peers {
  /** How a version of a URL may come; undefined: from its source alone. */
  modeFor(url: string, version: Validators): PeerSource['mode'] | undefined;
  /** Who brings too little for as long is given up. */
  readonly stallMs: number;
}

/** How a version may come, besides from its source. */
export interface PeerSource {
  readonly mode: 'stream' | 'ranges';
  /** Downloads the version by way of a cluster of Dragonfly, all of it without a range; `NotSharedError`: not now. */
  readonly download: (
    range: { readonly start: number; readonly end: number } | undefined,
    priority: RequestPriority,
    signal: AbortSignal,
  ) => Promise<Response>;
  readonly stallMs: number;
}

/** No cluster brings it now. */
export class NotSharedError extends Error {}
