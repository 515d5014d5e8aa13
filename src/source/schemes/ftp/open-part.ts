/** The begin of a read: what a file is now, and a transfer that brings it. */
import type { ByteRange } from '../../byte-range.js';
import { ChangedError, IsDirectoryError, NotFoundError, SourceError } from '../../errors.js';
import { orAborted } from '../../or-aborted.js';
import type { Request } from '../../request.js';
import type { FtpHost } from './ftp-host.js';
import type { FtpPath } from './ftp-path.js';
import { RefusedReply } from './ftp-reply.js';
import type { FtpSession, RunningTransfer } from './ftp-session.js';
import { contradictionOf, etagOf, type FtpStat, isSameVersion } from './ftp-stat.js';
import { FtpTransfer, TransferOver } from './ftp-transfer.js';
import type { ReadPart, RunningRead, TransferredFile } from './running-read.js';

export interface OpenedPart {
  readonly file: TransferredFile;
  /** 0, where the server cannot begin elsewhere. */
  readonly start: number;
  /** Infinity: the size is not known. */
  readonly end: number;
  /** Undefined: there is nothing in the range. */
  readonly part: ReadPart | undefined;
}

/** What a read wants. */
interface Wanted {
  readonly host: FtpHost;
  readonly path: FtpPath;
  readonly name: string;
  readonly request: Request;
  readonly range: ByteRange;
  /** The version of a read that goes on. */
  readonly resumed: FtpStat | undefined;
}

/** `resumed`: the version of a read that goes on. */
export async function openPart(
  host: FtpHost,
  path: FtpPath,
  request: Request,
  range: ByteRange,
  resumed?: FtpStat,
): Promise<OpenedPart> {
  const name = path.isHome ? `~${path.path}` : path.path;
  const wanted: Wanted = { host, path, name, request, range, resumed };
  return await host.retried(request, async (endsAtMs) => {
    const claimed = claim(wanted);
    // In the same step: those that follow claim what is begun here.
    if (claimed === undefined) return await begun(wanted, endsAtMs);
    return (await continued(wanted, claimed)) ?? (await begun(wanted, endsAtMs));
  });
}

/** The version and the end of the range, where they are known before the server says them. */
function expected({
  host,
  request: { pin },
  range,
  resumed,
}: Wanted): { etag: string; end: number } | undefined {
  const etag = resumed === undefined ? pin?.etag : etagOf(resumed);
  const size = resumed === undefined ? pin?.contentLength : resumed.size;
  const hasRanges = host.server.traits.restarts === true && host.pool.hasRoom;
  return etag === undefined || size === undefined || !hasRanges
    ? undefined
    : { etag, end: Math.min(range.end, size) };
}

interface Claimed {
  readonly transfer: RunningRead;
  readonly part: ReadPart;
  readonly end: number;
}

/** Of a transfer that is about to bring the range, or that begins at this moment. */
function claim(wanted: Wanted): Claimed | undefined {
  const known = expected(wanted);
  if (known === undefined) return undefined;
  const { host, name, range } = wanted;
  const { etag, end } = known;
  for (const transfer of host.transfers) {
    const part =
      transfer.name === name && transfer.etag === etag ? transfer.claim(range.start, end) : undefined;
    if (part !== undefined) return { transfer, part, end };
  }
  return undefined;
}

/** Undefined: the other read could not begin the transfer, and has its own error. */
async function continued(
  { request, range: { start } }: Wanted,
  { transfer, part, end }: Claimed,
): Promise<OpenedPart | undefined> {
  try {
    const file = await orAborted(transfer.opened, request.signal, request.url);
    return { file, start, end, part };
  } catch (error) {
    part.drop();
    if (request.signal?.aborted === true) throw error;
    return undefined;
  }
}

async function begun(wanted: Wanted, endsAtMs: number): Promise<OpenedPart> {
  const { host, path, name, request, range } = wanted;
  const known = expected(wanted);
  // Reads that follow may claim what comes behind, while it is being begun.
  const transfer = known && new FtpTransfer(host, name, known.etag, range.start);
  const part = known && transfer?.claim(range.start, known.end);
  const open = async (session: FtpSession): Promise<OpenedPart> => {
    try {
      const absolute = await session.absolute(path, endsAtMs);
      return await openOn({ ...wanted, session, endsAtMs, absolute }, transfer, part);
    } catch (error) {
      host.pool.release(session);
      throw error;
    }
  };
  try {
    return await host.leased(request, endsAtMs, open, (late) => late.part?.drop());
  } catch (error) {
    transfer?.failToBegin(error);
    throw error;
  }
}

interface Opening extends Wanted {
  readonly session: FtpSession;
  readonly endsAtMs: number;
  /** The path as the server knows it. */
  readonly absolute: string;
}

async function openOn(
  opening: Opening,
  expecting: FtpTransfer | undefined,
  claimed: ReadPart | undefined,
): Promise<OpenedPart> {
  const { host, session, name, range, absolute } = opening;
  const stat = await statBefore(opening);
  const file: TransferredFile = { path: absolute, stat };
  const hasRanges = claimed !== undefined || host.server.traits.restarts === true;
  const start = hasRanges ? range.start : 0;
  const { size = Infinity } = stat;
  const end = hasRanges ? Math.min(range.end, size) : size;
  if (start >= end) {
    expecting?.failToBegin(new TransferOver());
    host.pool.release(session);
    return { file, start, end: start, part: undefined };
  }
  const running = await retrieve(opening, start, stat);
  const transfer = expecting ?? new FtpTransfer(host, name, etagOf(stat), start);
  const part = claimed ?? transfer.claim(start, end);
  transfer.begin({ session, running, file });
  return { file, start, end, part };
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
  stat: FtpStat,
): Promise<RunningTransfer> {
  try {
    return await session.retrieve(absolute, start, endsAtMs);
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
