import type { Logger } from 'pino';

import { bytesOfText, percentEncodedSegment, textOfBytes } from '../../byte-text.js';
import { NamedEntry } from '../../named-entry.js';
import type { UrlEntry } from '../../metadata.js';
import { isWeakEtag, type Request } from '../../request.js';
import type { Attributes } from './attributes.js';
import { etagOf } from './file-version.js';
import type { Lease } from './host-sessions.js';
import { leadsAbove } from './link-loops.js';
import type { DirectoryEntry, SftpChannel } from './sftp-channel.js';
import { failureOf, isMissing, StatusError } from './sftp-failure.js';
import { ancestorsOf, childOf, pathOf } from './sftp-path.js';
import type { WithSession } from './with-session.js';

/** Replies have a hundred entries; so latency does not rule. */
const READS_AHEAD = 4;
const LINKS_AT_A_TIME = 16;
const SLASH = 0x2f;

interface OpenDirectory extends Lease {
  readonly handle: Buffer;
  readonly path: Buffer;
}

/** Page by page, as the server sends them. What was begun is not begun again. */
export async function* listDirectory(
  request: Request,
  withSession: WithSession,
  log: Logger,
): AsyncGenerator<readonly UrlEntry[]> {
  const { url, signal } = request;
  const path = pathOf(url);
  const directory = await withSession(request, async (lease): Promise<OpenDirectory> => {
    const handle = await lease.session.channel.openDirectory(path);
    return { ...lease, handle, path };
  });
  const { channel } = directory.session;
  let hidden = 0;
  try {
    for await (const entries of pagesOf(channel, directory.handle)) {
      signal?.throwIfAborted();
      const named = entries.filter(({ name }) => isName(name));
      hidden += named.filter(({ name }) => isUnusable(name)).length;
      const usable = named.filter(({ name }) => !isUnusable(name));
      yield await entriesOf(channel, directory, url, usable);
    }
  } catch (error) {
    throw failureOf(error, url, signal);
  } finally {
    channel.close(directory.handle);
    directory.release();
    if (hidden > 0) log.warn({ url: url.href, hidden }, 'names with a slash or NUL are not shown');
  }
}

/** Some are asked for ahead. */
async function* pagesOf(channel: SftpChannel, handle: Buffer): AsyncGenerator<DirectoryEntry[]> {
  const ahead: Promise<DirectoryEntry[] | undefined>[] = [];
  try {
    for (;;) {
      while (ahead.length < READS_AHEAD) ahead.push(channel.readDirectory(handle));
      const page = await ahead.shift();
      if (page === undefined) return;
      yield page;
    }
  } finally {
    for (const page of ahead) page.catch(() => undefined);
  }
}

async function entriesOf(
  channel: SftpChannel,
  { path }: OpenDirectory,
  url: URL,
  entries: readonly DirectoryEntry[],
): Promise<UrlEntry[]> {
  const links = new Map<DirectoryEntry, Attributes | undefined>();
  const waiting = entries.filter(({ attributes }) => attributes.kind === 'link').values();
  const worker = async (): Promise<void> => {
    for (const entry of waiting) links.set(entry, await targetOf(channel, childOf(path, entry.name), url));
  };
  await Promise.all(Array.from({ length: LINKS_AT_A_TIME }, worker));
  return entries.flatMap((entry) => {
    const attributes = links.has(entry) ? links.get(entry) : entry.attributes;
    const isShown = attributes?.kind === 'file' || attributes?.kind === 'directory';
    return isShown ? [entryOf(url, entry.name, attributes)] : [];
  });
}

/** What a link points to; undefined: it is not shown, for it leads nowhere, or above itself. */
async function targetOf(channel: SftpChannel, link: Buffer, directory: URL): Promise<Attributes | undefined> {
  try {
    const target = await channel.stat(link);
    if (target.kind !== 'directory') return target;
    const within = new URL(`${directory.href.replace(/\/$/, '')}/link`);
    return (await leadsAbove(channel, link, ancestorsOf(within))) ? undefined : target;
  } catch (error) {
    // Of what may not be looked at, as of what is missing.
    if (isMissing(error) || error instanceof StatusError) return undefined;
    throw error;
  }
}

function entryOf(directory: URL, name: Buffer, attributes: Attributes): UrlEntry {
  const { kind, size, mtime, mode } = attributes;
  const isDir = kind === 'directory';
  const etag = isDir ? undefined : etagOf(attributes);
  return new NamedEntry(directory, percentEncodedSegment(textOfBytes(name)), {
    isDir,
    size: isDir ? undefined : size,
    etag: etag === undefined || isWeakEtag(etag) ? undefined : etag,
    lastModified: mtime === undefined ? undefined : mtime * 1000,
    lastModifiedPrecisionMs: 1000,
    mode,
  });
}

function isName(name: Buffer): boolean {
  return !['', '.', '..'].includes(name.toString('latin1'));
}

/** No path leads to it. */
function isUnusable(name: Buffer): boolean {
  return name.includes(SLASH) || name.includes(0) || !bytesOfText(textOfBytes(name)).equals(name);
}
