import type { BodyTarget } from '../../body-target.js';
import type { TargetCursor } from '../../target-cursor.js';
import type { ReadRequest } from './pending-requests.js';
import type { SftpChannel } from './sftp-channel.js';

export interface PartEvents {
  /** Others go first. */
  readonly isBackground: () => boolean;
  readonly onBytes: () => void;
  /** Less came than was asked for: the rest is to be asked for. */
  readonly onShort: () => void;
  /** The file has none of the bytes that are missing. */
  readonly onEnd: () => void;
  readonly onError: (error: unknown) => void;
}

/** A part of a body that is asked for, and the memory that it is received into: the reader's, or its own. */
export class Part {
  readonly #offset: number;
  readonly #length: number;
  /** Laid end to end. */
  #memory: readonly Uint8Array[] | undefined;
  #isInTarget = false;
  #receivedBytes = 0;
  #handedBytes = 0;
  #request: ReadRequest | undefined;
  #channel: SftpChannel | undefined;

  /** Of the file. */
  constructor(offset: number, length: number) {
    this.#offset = offset;
    this.#length = length;
  }

  get isComplete(): boolean {
    return this.#receivedBytes === this.#length;
  }

  get isHandedOver(): boolean {
    return this.#handedBytes === this.#length;
  }

  /** It is received into the target, from its byte `at` on. To be called first, if at all. */
  enterTarget({ pieces }: BodyTarget, at: number): void {
    this.#memory = slices(pieces, at, at + this.#length);
    this.#isInTarget = true;
  }

  /** The target is the reader's again: what is missing, or not handed over, goes elsewhere. */
  leaveTarget(): void {
    if (!this.#isInTarget) return;
    const own = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of slices(this.#memory ?? [], 0, this.#receivedBytes)) {
      own.set(piece, at);
      at += piece.byteLength;
    }
    this.#memory = [own];
    this.#isInTarget = false;
  }

  /** Asks for what is missing of it. */
  send(channel: SftpChannel, handle: Buffer, events: PartEvents): void {
    const request: ReadRequest = {
      handle,
      offset: this.#offset + this.#receivedBytes,
      length: this.#length - this.#receivedBytes,
      isBackground: events.isBackground,
      take: (bytes) => {
        this.#take(bytes);
        events.onBytes();
      },
      done: (bytes) => {
        this.#request = undefined;
        if (this.isComplete) return;
        channel.noteShortAnswer(bytes);
        if (bytes === 0) events.onEnd();
        else events.onShort();
      },
      fail: (error) => {
        this.#request = undefined;
        events.onError(error);
      },
    };
    this.#request = request;
    this.#channel = channel;
    channel.read(request);
  }

  /** Nothing more comes of what was asked for. */
  stop(): void {
    if (this.#request !== undefined) this.#channel?.cancelRead(this.#request);
    this.#request = undefined;
  }

  /** Hands over what has come, as far as the target has room for it; returns how much that is. */
  handOver(cursor: TargetCursor): number {
    let handed = 0;
    for (const piece of slices(this.#memory ?? [], this.#handedBytes, this.#receivedBytes)) {
      const taken = cursor.take(piece);
      handed += taken;
      if (taken < piece.byteLength) break;
    }
    this.#handedBytes += handed;
    return handed;
  }

  #take(bytes: Uint8Array): void {
    this.#memory ??= [new Uint8Array(this.#length)];
    let taken = 0;
    const from = this.#receivedBytes;
    for (const piece of slices(this.#memory, from, from + bytes.byteLength)) {
      piece.set(bytes.subarray(taken, taken + piece.byteLength));
      taken += piece.byteLength;
    }
    this.#receivedBytes += taken;
  }
}

/** Bytes `[start, end)` of memory that is laid end to end. */
function slices(memory: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  for (const piece of memory) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, piece.byteLength)];
    if (from < to) found.push(piece.subarray(from, to));
    at += piece.byteLength;
    if (at >= end) break;
  }
  return found;
}
