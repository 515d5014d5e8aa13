import { setTimeout as sleep } from 'node:timers/promises';

import { fetchPiece, type ResourceHead, statResource } from './origin.js';
import { ReaderPace } from './reader-pace.js';
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
  readonly aheadPieces: number;
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
  /** Those that a download of this node will bring, or has brought. */
  readonly #planned = new Map<number, Promise<Buffer>>();
  #downloads = 0;
  #lastArrivalMs = 0;

  constructor(request: TaskRequest, place: TaskPlace) {
    this.id = request.taskId;
    this.#request = request;
    this.#place = place;
  }

  get lastArrivalMs(): number {
    return this.#lastArrivalMs;
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

  /**
   * Bytes `[start, end)`, a piece at a time, at the pace of the caller, or, once it has left, all the same. Resolves when a piece
   * is there, whichever.
   */
  async download(start: number, end: number, totalBytes: number): Promise<AsyncIterable<Buffer>> {
    const pace = new ReaderPace(this.#place.aheadPieces);
    const { pieces, all, skippedBytes } = this.#plan(start, end, totalBytes, pace);
    await Promise.race([all, ...pieces]);
    return contents(pieces, all, skippedBytes, end - start, pace);
  }

  prefetch(totalBytes: number): void {
    this.#plan(0, totalBytes, totalBytes, new ReaderPace(Number.POSITIVE_INFINITY));
  }

  #plan(
    start: number,
    end: number,
    totalBytes: number,
    pace: ReaderPace,
  ): { pieces: Promise<Buffer>[]; all: Promise<unknown>; skippedBytes: number } {
    const bytes = pieceBytes(totalBytes);
    const first = Math.floor(start / bytes);
    const isP2p = end - start > MIN_PIECE_BYTES;
    if (isP2p) this.#place.swarm.join(this);
    const pieces: Promise<Buffer>[] = [];
    for (let number = first; number * bytes < end; number += 1) {
      const before = Promise.all([pieces.at(-CONCURRENT_PIECES), pace.allows(number - first)]);
      const piece = before.then(() => this.#piece(number, totalBytes, isP2p));
      pieces.push(piece);
      if (!this.#planned.has(number)) this.#planned.set(number, piece);
    }
    this.#downloads += 1;
    const all = Promise.all(pieces);
    all
      .then(
        () => (this.isFinished = true),
        () => this.abandon(),
      )
      .finally(() => (this.#downloads -= 1));
    return { pieces, all, skippedBytes: start - first * bytes };
  }

  /** It failed, or its node is gone: no other node has pieces of it. */
  abandon(): void {
    this.#head = undefined;
    this.#planned.clear();
    this.#place.swarm.leave(this);
  }

  #piece(number: number, totalBytes: number, isP2p: boolean): Promise<Buffer> {
    const known = this.#pieces.get(number);
    if (known !== undefined) return known;
    const piece = this.#fetch(number, totalBytes, isP2p);
    this.#pieces.set(number, piece);
    piece.then(
      () => (this.#lastArrivalMs = performance.now()),
      () => this.#pieces.delete(number),
    );
    return piece;
  }

  async #fetch(number: number, totalBytes: number, isP2p: boolean): Promise<Buffer> {
    const { swarm, traffic, signal } = this.#place;
    const parent = isP2p ? swarm.parentOf(this) : undefined;
    if (parent !== undefined) {
      const offered = await Promise.race([parent.offer(number), this.#untilSilent(parent)]);
      if (offered !== undefined) {
        traffic.peers += offered.byteLength;
        return offered;
      }
    }
    const bytes = pieceBytes(totalBytes);
    const end = Math.min(totalBytes, (number + 1) * bytes);
    const piece = await fetchPiece(this.#request, number * bytes, end, signal);
    traffic.source += piece.byteLength;
    return piece;
  }

  /** Resolves when no piece has come to a node for a while. */
  async #untilSilent(parent: Peer): Promise<undefined> {
    const { signal, collectedPieceTimeoutMs } = this.#place;
    const beganMs = performance.now();
    for (;;) {
      const sinceMs = performance.now() - Math.max(beganMs, parent.lastArrivalMs);
      if (sinceMs >= collectedPieceTimeoutMs) return;
      await sleep(collectedPieceTimeoutMs - sinceMs, undefined, { signal, ref: false });
    }
  }

  async offer(number: number): Promise<Buffer | undefined> {
    const planned = this.#planned.get(number);
    // It may yet come, for all that the other node knows.
    if (planned === undefined && this.#downloads > 0) return await new Promise(() => undefined);
    return await planned?.catch(() => undefined);
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
  pace: ReaderPace,
): AsyncIterable<Buffer> {
  let [from, left] = [skipped, bytes];
  try {
    for (const piece of pieces) {
      const whole = await Promise.race([piece, all.then(() => piece)]);
      const part = whole.subarray(from, from + left);
      yield part;
      pace.take();
      left -= part.byteLength;
      from = 0;
    }
  } finally {
    pace.leave();
  }
}
