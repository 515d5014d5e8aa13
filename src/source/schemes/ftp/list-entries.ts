/** A directory as entries: links are what they lead to, and times as exact as the server lists them. */
import { NotFoundError, TimeoutError } from '../../errors.js';
import type { UrlEntry } from '../../metadata.js';
import { NamedEntry } from '../../named-entry.js';
import type { Request } from '../../request.js';
import { Turns } from '../../turns.js';
import type { FtpHost } from './ftp-host.js';
import type { FtpListing, ListedEntry } from './ftp-listing.js';
import { type FtpPath, joinPath, segmentOf } from './ftp-path.js';
import { RefusedReply } from './ftp-reply.js';
import type { FtpSession } from './ftp-session.js';
import { etagOf, type FtpStat } from './ftp-stat.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const AT_A_TIME = 4;
/** Of the time limit, as for index pages. */
const LINKS_LIMIT = 4;

export async function listEntries(host: FtpHost, path: FtpPath, request: Request): Promise<UrlEntry[]> {
  const { directory, listing } = await host.run(request, async (session, endsAtMs) => {
    const absolute = await session.absolute(path, endsAtMs);
    const found = await session.list(absolute, endsAtMs);
    if (!found.isExact) await compareZone(session, absolute, found, endsAtMs);
    return { directory: absolute, listing: found };
  });
  const links = listing.entries.filter(({ kind }) => kind === 'link');
  const targets = await targetsOf(host, directory, links, request);
  const base = new URL(request.url);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const entries: UrlEntry[] = [];
  const turns = new Turns(request.signal);
  for (const listed of listing.entries) {
    const entry = entryOf(base, listed, targets.get(listed), listing.isExact, host);
    if (entry !== undefined) entries.push(entry);
    const wait = turns.spend(listed.name.length, 1);
    if (wait !== undefined) await wait;
  }
  return entries;
}

/** Whether LIST writes UTC, by the exact time of one file. Other zones are not worked out: they may have a summer time. */
async function compareZone(
  session: FtpSession,
  directory: string,
  { entries }: FtpListing,
  endsAtMs: number,
): Promise<void> {
  const { traits } = session;
  if (traits.listsInUtc !== undefined) return;
  const sample = entries.find(({ kind, time }) => kind === 'file' && time?.precisionMs === MINUTE_MS);
  if (sample?.time === undefined || segmentOf(sample.name) === undefined) return;
  try {
    const { modifiedMs } = await session.stat(joinPath(directory, `/${sample.name}`), endsAtMs);
    if (modifiedMs !== undefined)
      traits.listsInUtc = Math.floor(modifiedMs / MINUTE_MS) === sample.time.ms / MINUTE_MS;
  } catch (error) {
    if (!(error instanceof RefusedReply) && !(error instanceof NotFoundError)) throw error;
  }
}

/** Those that lead nowhere are absent. */
async function targetsOf(
  host: FtpHost,
  directory: string,
  links: readonly ListedEntry[],
  request: Request,
): Promise<ReadonlyMap<ListedEntry, FtpStat>> {
  const targets = new Map<ListedEntry, FtpStat>();
  const endsAtMs = performance.now() + LINKS_LIMIT * host.server.timeoutMs;
  const left = links.values();
  const work = async (): Promise<void> => {
    for (const link of left) {
      if (performance.now() >= endsAtMs) {
        throw new TimeoutError(request.url, {
          expected: 'what all links lead to',
          found: `${targets.size} of ${links.length}`,
        });
      }
      const stat = await statOfTarget(host, joinPath(directory, `/${link.name}`), request);
      if (stat !== undefined) targets.set(link, stat);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, links.length) }, work));
  return targets;
}

async function statOfTarget(host: FtpHost, path: string, request: Request): Promise<FtpStat | undefined> {
  return await host.run(request, async (session, endsAtMs) => {
    try {
      return await session.stat(path, endsAtMs);
    } catch (error) {
      const isNothing =
        error instanceof NotFoundError || (error instanceof RefusedReply && error.code === 550);
      if (isNothing) return undefined;
      throw error;
    }
  });
}

function entryOf(
  base: URL,
  { kind, name, time, ...listed }: ListedEntry,
  target: FtpStat | undefined,
  isExact: boolean,
  { server: { traits } }: FtpHost,
): UrlEntry | undefined {
  // Devices, pipes, and links that lead nowhere cannot be read.
  const stat = kind === 'link' ? target : listed;
  if (kind === 'other' || stat === undefined) return undefined;
  const segment = segmentOf(name);
  if (segment === undefined) return undefined;
  const isTimed = isExact || kind === 'link';
  // Read in parts, and of the version that a read then finds.
  const etag = isTimed && traits.restarts === true ? etagOf(stat) : undefined;
  return new NamedEntry(base, segment, {
    isDir: stat.isDirectory,
    size: stat.isDirectory ? undefined : stat.size,
    etag,
    digest: undefined,
    lastModified: isTimed ? stat.modifiedMs : time?.ms,
    lastModifiedPrecisionMs:
      isTimed || time === undefined ? undefined : precisionOf(time.precisionMs, traits.listsInUtc),
    mode: stat.mode,
  });
}

function precisionOf(listedMs: number, isUtc: boolean | undefined): number {
  return isUtc === true ? listedMs : DAY_MS;
}
