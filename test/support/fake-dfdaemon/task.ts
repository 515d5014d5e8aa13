import { setTimeout as sleep } from 'node:timers/promises';

import { fetchPiece, type ResourceHead, statResource } from './origin.js';
import type { Peer, Swarm } from './swarm.js';
import type { TaskRequest } from './task-request.js';

const MIN_PIECE_BYTES = 4 * 1024 * 1024;
const MAX_PIECE_BYTES = 64 * 1024 * 1024;
const CONCURRENT_PIECES = 8;

/** Bytes of pieces, by where a node has them from. */
export interface Traffic {
  source: number;
  peers: number;
}

export interface TaskPlace {
  readonly swarm: Swarm;
  readonly traffic: Traffic;
  /** How long a node waits for a piece that its parent does not fetch. */
  readonly collectedPieceTimeoutMs: number;
  /** Aborted when the node is killed. */
  readonly signal: AbortSignal;
}

/** A resource on one node: the head of the first request for it, and pieces. Nothing of it is ever revalidated. */
export class Task implements Peer {
  readonly id: string;
  /** Whether any download of it succeeded, be it of a part. */
  isFinished = false;
  readonly #place: TaskPlace;
  #request: TaskRequest;
  #head: Promise<ResourceHead> | undefined;
  readonly #pieces = new Map<number, Promise<Buffer>>();
  /** Pieces that this node fetches, or has. */
  readonly #wanted = new Set<number>();
  #downloads = 0;

  constructor(request: TaskRequest, place: TaskPlace) {
    this.id = request.taskId;
    this.#request = request;
    this.#place = place;
  }

  get isDownloading(): boolean {
    return this.#downloads > 0;
  }

  /** After a failure the origin is queried anew, and the pieces stay. */
  async head(request: TaskRequest): Promise<ResourceHead> {
    this.#request = request;
    this.#head ??= statResource(request, this.#place.signal);
    try {
      return await this.#head;
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** Bytes `[start, end)`, a piece at a time. All are fetched, whether or not the caller goes on. */
  download(start: number, end: number, totalBytes: number): AsyncIterableIterator<Buffer> {
    const bytes = pieceBytes(totalBytes);
    const numbers: number[] = [];
    for (let number = Math.floor(start / bytes); number * bytes < end; number += 1) numbers.push(number);
    const isP2p = end - start > MIN_PIECE_BYTES;
    if (isP2p) this.#place.swarm.join(this);
    for (const number of numbers) this.#wanted.add(number);
    const pieces: Promise<Buffer>[] = [];
    for (const number of numbers) {
      const before = Promise.resolve(pieces.at(-CONCURRENT_PIECES));
      pieces.push(before.then(() => this.#piece(number, totalBytes, isP2p)));
    }
    this.#downloads += 1;
    const all = Promise.all(pieces);
    all
      .then(
        () => (this.isFinished = true),
        () => this.abandon(),
      )
      .finally(() => (this.#downloads -= 1));
    return contents(pieces, all, start - (numbers[0] ?? 0) * bytes, end - start);
  }

  /** It failed, or its node is gone: no other node has pieces of it. */
  abandon(): void {
    this.#head = undefined;
    this.#wanted.clear();
    this.#place.swarm.leave(this);
  }

  #piece(number: number, totalBytes: number, isP2p: boolean): Promise<Buffer> {
    const known = this.#pieces.get(number);
    if (known !== undefined) return known;
    const piece = this.#fetch(number, totalBytes, isP2p);
    this.#pieces.set(number, piece);
    piece.catch(() => this.#pieces.delete(number));
    return piece;
  }

  async #fetch(number: number, totalBytes: number, isP2p: boolean): Promise<Buffer> {
    const { swarm, traffic, signal, collectedPieceTimeoutMs } = this.#place;
    const parent = isP2p ? swarm.parentOf(this) : undefined;
    if (parent !== undefined) {
      const offered = await parent.offer(number, totalBytes);
      if (offered !== undefined) {
        traffic.peers += offered.byteLength;
        return offered;
      }
      if (parent.isDownloading) await sleep(collectedPieceTimeoutMs, undefined, { signal });
    }
    const bytes = pieceBytes(totalBytes);
    const end = Math.min(totalBytes, (number + 1) * bytes);
    const piece = await fetchPiece(this.#request, number * bytes, end, signal);
    traffic.source += piece.byteLength;
    return piece;
  }

  async offer(number: number, totalBytes: number): Promise<Buffer | undefined> {
    if (!this.#wanted.has(number)) return undefined;
    return await this.#piece(number, totalBytes, true).catch(() => undefined);
  }
}

/** A 500th of the resource, as a power of two. */
function pieceBytes(totalBytes: number): number {
  const bytes = 2 ** Math.ceil(Math.log2(Math.max(1, totalBytes / 500)));
  return Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, bytes));
}

/** `bytes` of the pieces, from `skipped` on. Ends when any of them fails. */
async function* contents(
  pieces: readonly Promise<Buffer>[],
  all: Promise<unknown>,
  skipped: number,
  bytes: number,
): AsyncIterableIterator<Buffer> {
  let [from, left] = [skipped, bytes];
  for (const piece of pieces) {
    const whole = await Promise.race([piece, all.then(() => piece)]);
    const part = whole.subarray(from, from + left);
    yield part;
    left -= part.byteLength;
    from = 0;
  }
}
