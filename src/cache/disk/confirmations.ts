import { constants } from 'node:fs';

import type { ConfirmedFacts } from './disk-cache.js';
import { codeOf } from '../../error-code.js';
import { close, futimes, openOwn, readAt, writeAt } from './file-io.js';
import { CONFIRMATION_AT, type DecodedIndex, encodeConfirmation, readHeader } from './index-file.js';
import { filePath, versionOfSegment } from './layout.js';

/**
 * The version of a URL, among those of these segments, that was confirmed last. `confirmedAtMs` returns what is not
 * on disk, by version name. What cannot be read is passed over.
 */
export async function readNewest(
  root: string,
  url: string,
  segments: readonly string[],
  confirmedAtMs: (versionName: string) => number | undefined,
  onUnreadable: (error: unknown) => void,
): Promise<ConfirmedFacts | undefined> {
  let newest: ConfirmedFacts | undefined;
  for (const name of segments) {
    const index = await readIndexStart(root, name).catch(onUnreadable);
    if (index === undefined || index.header.url !== url) continue;
    const atMs = Math.max(index.confirmedAtMs, confirmedAtMs(versionOfSegment(name).versionName) ?? 0);
    if (newest === undefined || atMs > newest.confirmedAtMs) {
      newest = { facts: index.header.facts, confirmedAtMs: atMs };
    }
  }
  return newest;
}

/** The name in the store of the URL that a segment belongs to; undefined: the segment is gone. */
export async function readResource(root: string, name: string): Promise<string | undefined> {
  return (await readIndexStart(root, name))?.header.url;
}

/** Notes in the index file that its version was confirmed; its time of last use stays. */
export async function writeConfirmation(
  root: string,
  name: string,
  confirmedAtMs: number,
  usedAtMs: number,
): Promise<void> {
  const index = await readIndexStart(root, name);
  if (index === undefined) return;
  const fd = await openOwn(filePath(root, name, 'index'), constants.O_RDWR);
  try {
    await writeAt(fd, [encodeConfirmation(confirmedAtMs, index.seed)], CONFIRMATION_AT);
    await futimes(fd, usedAtMs / 1000, usedAtMs / 1000);
  } finally {
    await close(fd);
  }
}

async function readIndexStart(root: string, name: string): Promise<DecodedIndex | undefined> {
  let fd: number;
  try {
    fd = await openOwn(filePath(root, name, 'index'), constants.O_RDONLY);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await readHeader(async (bytes) => {
      const start = Buffer.alloc(bytes);
      return start.subarray(0, await readAt(fd, [start], 0));
    });
  } finally {
    // No caller needs to wait for it.
    close(fd).catch(() => undefined);
  }
}
