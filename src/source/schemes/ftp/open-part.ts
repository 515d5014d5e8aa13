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
import type { ReadPart, TransferredFile } from './running-read.js';

export interface OpenedPart {
  readonly file: TransferredFile;
  /** 0, where the server cannot begin elsewhere. */
  readonly start: number;
  /** Infinity: the size is not known. */
  readonly end: number;
  /** Undefined: there is nothing in the range. */
  readonly part: ReadPart | undefined;
}

/** `resumed`: the version of a read that goes on. */
export async function openPart(
  host: FtpHost,
  path: FtpPath,
  request: Request,
  range: ByteRange,
  resumed?: FtpStat,
): Promise<OpenedPart> {
  const drop = ({ part }: OpenedPart): void => part?.drop();
  return await host.retried(request, async (endsAtMs) => {
    const going = continued(host, path, request, range, resumed);
    if (going !== undefined) return going;
    return await host.leased(
      request,
      endsAtMs,
      async (session) => {
        try {
          const absolute = await session.absolute(path, endsAtMs);
          const opening = { host, session, request, endsAtMs, path: absolute, name: keyOf(path) };
          return await openOn(opening, range, resumed);
        } catch (error) {
          host.pool.release(session);
          throw error;
        }
      },
      drop,
    );
  });
}

interface Opening {
  readonly host: FtpHost;
  readonly session: FtpSession;
  readonly request: Request;
  readonly endsAtMs: number;
  readonly path: string;
  readonly name: string;
}

/** A transfer that is about to bring the range. */
function continued(
  host: FtpHost,
  path: FtpPath,
  { pin }: Request,
  { start, end: wantedEnd }: ByteRange,
  resumed: FtpStat | undefined,
): OpenedPart | undefined {
  const etag = resumed === undefined ? pin?.etag : etagOf(resumed);
  if (etag === undefined || !host.pool.hasRoom) return undefined;
  for (const transfer of host.transfers) {
    const { name, stat } = transfer.file;
    if (name !== keyOf(path) || etagOf(stat) !== etag || stat.size === undefined) continue;
    const end = Math.min(wantedEnd, stat.size);
    const part = transfer.claim(start, end);
    if (part !== undefined) return { file: transfer.file, start, end, part };
  }
  return undefined;
}

async function openOn(opening: Opening, range: ByteRange, resumed: FtpStat | undefined): Promise<OpenedPart> {
  const { host, session, path, name } = opening;
  const stat = await statBefore(opening, resumed);
  const hasRanges = host.server.traits.restarts === true;
  const file: TransferredFile = { path, name, stat };
  const start = hasRanges ? range.start : 0;
  const size = stat.size ?? Infinity;
  const end = hasRanges ? Math.min(range.end, size) : size;
  if (start >= size) {
    host.pool.release(session);
    return { file, start, end: start, part: undefined };
  }
  const running = await retrieve(opening, start, stat);
  const transfer = new FtpTransfer(host, session, running, file, start);
  return { file, start, end, part: transfer.claim(start, end) };
}

/** What a file is, as far as it may be read. */
async function statBefore(
  { host, session, request, path, endsAtMs }: Opening,
  resumed: FtpStat | undefined,
): Promise<FtpStat> {
  const { url, pin } = request;
  const seen = host.seen(path);
  const isPinned = pin?.etag !== undefined && seen !== undefined && etagOf(seen) === pin.etag;
  const stat = isPinned ? seen : await host.stat(session, path, endsAtMs);
  if (stat.isDirectory) throw new IsDirectoryError(url);
  const contradiction = pin && contradictionOf(stat, pin);
  if (contradiction !== undefined) throw new ChangedError(url, contradiction);
  if (resumed !== undefined && !isSameVersion(stat, resumed)) {
    throw new ChangedError(url, { expected: 'the rest of the file', found: 'another version' });
  }
  return stat;
}

async function retrieve(
  { session, host, request, path, endsAtMs }: Opening,
  start: number,
  stat: FtpStat,
): Promise<RunningTransfer> {
  try {
    return await session.retrieve(path, start, endsAtMs);
  } catch (error) {
    if (!(error instanceof RefusedReply)) throw error;
    if (start > 0 && error.isUnknown) host.server.traits.restarts = false;
    if (error.code !== 550) throw error;
    // The server lets it be seen, and not be read: few say so.
    const now = await host.stat(session, path, endsAtMs).catch((reason: unknown) => {
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

function keyOf({ path, isHome }: FtpPath): string {
  return isHome ? `~${path}` : path;
}
