/**
 * Where a read of a version ends: the one that begins there goes on with its transfer, so that a sequential reader costs one RETR,
 * however many reads it takes.
 */
import type { FtpTransfer } from './ftp-transfer.js';

/** For so long a transfer waits for the read that goes on with it. */
const PARKED_MS = 10_000;

/** By the version, and the byte. Those that no read has come for. */
export type Handovers = Map<string, Handover>;

/** Of the reads that wait for each other. */
export interface Progress {
  /** When bytes were last read. */
  atMs: number;
}

export class Handover {
  readonly progress: Progress;
  readonly #handovers: Handovers;
  readonly #key: string;
  #take: ((transfer: FtpTransfer | undefined) => void) | undefined;
  #parked: FtpTransfer | undefined;
  #parkTimer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(handovers: Handovers, key: string, progress: Progress) {
    this.progress = progress;
    this.#handovers = handovers;
    this.#key = key;
    handovers.set(key, this);
  }

  /** Resolves when the read before has come here; with nothing, if it does not bring its transfer. */
  take(): Promise<FtpTransfer | undefined> {
    this.#withdraw();
    const parked = this.#parked;
    this.#parked = undefined;
    return parked === undefined ? new Promise((resolve) => (this.#take = resolve)) : Promise.resolve(parked);
  }

  /** Who has taken it waits no longer. */
  leave(): void {
    this.#take?.(undefined);
    this.#take = undefined;
    if (!this.#isOver && !this.#handovers.has(this.#key)) this.#handovers.set(this.#key, this);
  }

  /** The transfer has come here. Returns whether there is a read for it, or may soon be one. */
  give(transfer: FtpTransfer): boolean {
    if (this.#take === undefined && this.#handovers.get(this.#key) !== this) {
      this.end();
      return false;
    }
    this.#isOver = true;
    if (this.#take === undefined) {
      this.#parked = transfer;
      this.#parkTimer = setTimeout(() => this.end(), PARKED_MS).unref();
    } else {
      this.#take(transfer);
    }
    return true;
  }

  /** No transfer comes here, or is wanted any more. */
  end(): void {
    this.#isOver = true;
    this.#withdraw();
    this.#take?.(undefined);
    void this.#parked?.abandon();
    this.#parked = undefined;
  }

  /** Of a transfer that waits. Returns whether there was one. */
  endIfParked(): boolean {
    const isParked = this.#parked !== undefined;
    if (isParked) this.end();
    return isParked;
  }

  #withdraw(): void {
    clearTimeout(this.#parkTimer);
    if (this.#handovers.get(this.#key) === this) this.#handovers.delete(this.#key);
  }
}
