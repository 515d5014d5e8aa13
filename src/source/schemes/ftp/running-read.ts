/** What a read has of a transfer, and what a host knows of its transfers. */
import type { BodyTarget } from '../../body-target.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import type { Request } from '../../request.js';
import type { FtpStat } from './ftp-stat.js';

export interface TransferredFile {
  /** As the server knows it. */
  readonly path: string;
  readonly stat: FtpStat;
}

/** Bytes of a transfer that one read has to itself. */
export interface ReadPart {
  /** Waits until the parts before it are read. */
  read(target: BodyTarget, limit: LowSpeedLimit): Promise<number>;
  /** All of it was read, up to `end`: checks that the file is still the one it was. */
  finish(end: number, request: Request): Promise<void>;
  /** It is not read any more. */
  drop(): void;
}

export interface RunningRead {
  /** Of the file, as readers know it, and its version. */
  readonly name: string;
  readonly etag: string | undefined;
  readonly opened: Promise<TransferredFile>;
  /** The bytes up to `end`, if they are the next ones and no part has them. */
  claim(start: number, end: number): ReadPart | undefined;
  /** Parts that have not begun are notified; their readers go on by another transfer. */
  cancel(): void;
  /** Where no read has a part of it. Returns whether it ends. */
  endIfParked(): boolean;
}
