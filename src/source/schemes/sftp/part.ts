import type { TargetCursor } from '../../target-cursor.js';
import type { ReadRequest } from './pending-requests.js';
import type { SftpChannel } from './sftp-channel.js';

export interface PartEvents {
  /** Others go first. */
  readonly isBackground: () => boolean;
  /** The next bytes have come, which are the caller's no longer than that: they are to be taken. */
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onSent: () => void;
  /** Less came than was asked for: the rest is to be asked for. */
  readonly onShort: () => void;
  /** The file has none of the bytes that are missing. */
  readonly onEnd: () => void;
  readonly onError: (error: unknown) => void;
}

/** A part of a body that is asked for. What nobody waits for yet is held in memory of its own. */
export class Part {
  readonly #offset: number;
  readonly #length: number;
  #receivedBytes = 0;
  #held: Uint8Array[] = [];
  #request: ReadRequest | undefined;
  #isSent = false;

  /** Of the file. */
  constructor(offset: number, length: number) {
    this.#offset = offset;
    this.#length = length;
  }

  get end(): number {
    return this.#offset + this.#length;
  }

  /** Some of it was not asked for yet. */
  get isWaiting(): boolean {
    return !this.isComplete && !this.#isSent;
  }

  get isComplete(): boolean {
    return this.#receivedBytes === this.#length;
  }

  get isHandedOver(): boolean {
    return this.isComplete && this.#held.length === 0;
  }

  /** Asks for what is missing of it. */
  send(channel: SftpChannel, handle: Buffer, events: PartEvents): void {
    this.#isSent = false;
    const request: ReadRequest = {
      handle,
      offset: this.#offset + this.#receivedBytes,
      length: this.#length - this.#receivedBytes,
      isCancelled: false,
      isBackground: events.isBackground,
      sent: () => {
        this.#isSent = true;
        events.onSent();
      },
      take: events.onBytes,
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
    channel.read(request);
  }

  /** Nothing more comes of what was asked for. */
  stop(): void {
    if (this.#request !== undefined) this.#request.isCancelled = true;
    this.#request = undefined;
  }

  /** What has come goes to `cursor`, as far as there is room, and else is held; returns how much was handed over. */
  take(bytes: Uint8Array, cursor: TargetCursor | undefined): number {
    this.#receivedBytes += bytes.byteLength;
    const taken = this.#held.length === 0 ? (cursor?.take(bytes) ?? 0) : 0;
    if (taken < bytes.byteLength) this.#held.push(Uint8Array.from(bytes.subarray(taken)));
    return taken;
  }

  /** Hands over what is held, as far as there is room for it; returns how much that is. */
  handOver(cursor: TargetCursor): number {
    let handed = 0;
    for (let [bytes] = this.#held; bytes !== undefined; [bytes] = this.#held) {
      const taken = cursor.take(bytes);
      handed += taken;
      if (taken < bytes.byteLength) {
        this.#held[0] = bytes.subarray(taken);
        break;
      }
      this.#held.shift();
    }
    return handed;
  }
}
