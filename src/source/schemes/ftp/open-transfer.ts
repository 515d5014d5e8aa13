/** The begin of a read: what a file is now, and a transfer that brings it. */
import type { ByteRange } from '../../byte-range.js';
import { ChangedError, IsDirectoryError, NotFoundError, SourceError } from '../../errors.js';
import type { Request } from '../../request.js';
import type { FtpHost } from './ftp-host.js';
import type { FtpPath } from './ftp-path.js';
import { RefusedReply } from './ftp-reply.js';
import type { FtpSession, RunningTransfer } from './ftp-session.js';
import { contradictionOf, etagOf, type FtpStat, isSameVersion } from './ftp-stat.js';
import { FtpTransfer } from './ftp-transfer.js';

export interface OpenedRange {
  readonly stat: FtpStat;
  /** 0, where the server cannot begin elsewhere. */
  readonly start: number;
  /** Infinity: the size is not known. */
  readonly end: number;
  /** Undefined: there is nothing in the range. */
  readonly transfer: FtpTransfer | undefined;
}

/** What is to be read. */
export interface Wanted {
  readonly host: FtpHost;
  readonly path: FtpPath;
  readonly request: Request;
  readonly range: ByteRange;
  /** Other reads go on with it. */
  readonly isShared: boolean;
  /** The version of a read that goes on. */
  readonly resumed?: FtpStat | undefined;
}

interface Opening extends Wanted {
  readonly session: FtpSession;
  readonly endsAtMs: number;
  /** The path as the server knows it. */
  readonly absolute: string;
}

export async function openTransfer(wanted: Wanted): Promise<OpenedRange> {
  const { host, path, request } = wanted;
  return await host.retried(request, async (endsAtMs) => {
    const open = async (session: FtpSession): Promise<OpenedRange> => {
      try {
        const absolute = await session.absolute(path, endsAtMs);
        return await openOn({ ...wanted, session, endsAtMs, absolute });
      } catch (error) {
        host.pool.release(session);
        throw error;
      }
    };
    return await host.leased(request, endsAtMs, open);
  });
}

async function openOn(opening: Opening): Promise<OpenedRange> {
  const { host, session, range, absolute, isShared } = opening;
  const stat = await statBefore(opening);
  const { hasRanges } = host;
  const start = hasRanges ? range.start : 0;
  const { size = Infinity } = stat;
  const end = hasRanges ? Math.min(range.end, size) : size;
  if (start >= end) {
    host.pool.release(session);
    return { stat, start, end: start, transfer: undefined };
  }
  const running = await retrieve(opening, start, (isShared ? size : end) - start, stat);
  return { stat, start, end, transfer: new FtpTransfer(host, session, running, { path: absolute, stat }) };
}

/** What a file is, as far as it may be read. */
async function statBefore({
  host,
  session,
  request,
  absolute,
  endsAtMs,
  resumed,
}: Opening): Promise<FtpStat> {
  const { url, pin } = request;
  const seen = host.seen(absolute);
  const isPinned = pin?.etag !== undefined && seen !== undefined && etagOf(seen) === pin.etag;
  const stat = isPinned ? seen : await host.stat(session, absolute, endsAtMs);
  if (stat.isDirectory) throw new IsDirectoryError(url);
  const contradiction = pin && contradictionOf(stat, pin);
  if (contradiction !== undefined) throw new ChangedError(url, contradiction);
  if (resumed !== undefined && !isSameVersion(stat, resumed)) {
    throw new ChangedError(url, { expected: 'the rest of the file', found: 'another version' });
  }
  return stat;
}

async function retrieve(
  { session, host, request, absolute, endsAtMs }: Opening,
  start: number,
  expectedBytes: number,
  stat: FtpStat,
): Promise<RunningTransfer> {
  try {
    return await session.retrieve(absolute, start, endsAtMs, expectedBytes);
  } catch (error) {
    if (!(error instanceof RefusedReply)) throw error;
    if (start > 0 && error.isUnknown) host.server.traits.restarts = false;
    if (error.code !== 550) throw error;
    // The server lets it be seen, and not be read: few say so.
    const now = await host.stat(session, absolute, endsAtMs).catch((reason: unknown) => {
      throw reason instanceof NotFoundError ? error : reason;
    });
    if (!isSameVersion(now, stat)) throw error;
    throw new SourceError('ACCESS_DENIED', 'the server denies access', request.url, {
      expected: 'a file that may be read',
      found: `reply ${error.code}`,
      status: error.code,
      cause: error,
    });
  }
}
