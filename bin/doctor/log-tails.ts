/** The ends of the log files of mounts. */
import { constants } from 'node:fs';
import { open, readdir, readFile, readlink } from 'node:fs/promises';

import { safeText } from '../../src/source/safe-text.js';

const MAX_BYTES = 256 * 1024;
const MAX_LINES = 1_000;
const MAX_FILES = 8;

export interface LogTail {
  readonly path: string;
  readonly text: string;
}

export async function logTails(paths: readonly string[]): Promise<LogTail[]> {
  const tails = await Promise.all(
    [...new Set(paths)].slice(0, MAX_FILES).map(async (path) => {
      const text = await tailOf(path).catch(() => undefined);
      return text === undefined ? [] : [{ path, text }];
    }),
  );
  return tails.flat();
}

async function tailOf(path: string): Promise<string | undefined> {
  // A pipe would wait for its other end.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) return undefined;
    const start = Math.max(0, found.size - MAX_BYTES);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(Math.min(MAX_BYTES, found.size)),
      0,
      undefined,
      start,
    );
    const lines = buffer.subarray(0, bytesRead).toString().split('\n');
    // The first one may be a part.
    return lines
      .slice(start === 0 ? 0 : 1)
      .slice(-MAX_LINES)
      .map(shownLine)
      .join('\n');
  } finally {
    await file.close();
  }
}

/** Of a mount, each line is JSON, whose texts are safe already. */
function shownLine(line: string): string {
  try {
    JSON.parse(line);
    return line;
  } catch {
    return safeText(line);
  }
}

/** The files that a process only appends to. */
export async function appendedFiles(pid: number): Promise<string[]> {
  const found = await Promise.all(
    (await readdir(`/proc/${pid}/fd`).catch(() => [])).map(async (fd) => {
      const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
      const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8);
      if ((flags & constants.O_APPEND) === 0) return [];
      const path = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      return path.startsWith('/') && !path.startsWith('/dev/') ? [path] : [];
    }),
  );
  return found.flat();
}
