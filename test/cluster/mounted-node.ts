import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ExecutionContext } from 'ava';

import { CLI, mounted, run } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import type { Dfdaemon } from './dfdaemon.js';
import type { ReadReport } from './read-program.js';

const READ_PROGRAM = fileURLToPath(new URL('read-program.js', import.meta.url));

export interface ReadManner {
  /** Default: 0. */
  readonly offset?: number;
  /** Default: all. */
  readonly bytes?: number;
  /** After each mebibyte. */
  readonly pauseMs?: number;
}

export interface MountedNode {
  readonly mountpoint: string;
  /** Reads a file of the origin in order, and compares it with the original. */
  readonly read: (uri: string, original: string, manner?: ReadManner) => Promise<ReadReport>;
  /** `p2p` of `status --json`. */
  readonly p2p: () => Promise<unknown>;
}

/** A mount that reads through a dfdaemon. Without one, from the origin. */
export async function mountNode(
  t: ExecutionContext,
  host: string,
  dfdaemon: Pick<Dfdaemon, 'origin'> | undefined,
  { mode = 'stream', rule = {}, options = [] as readonly string[] } = {},
): Promise<MountedNode> {
  const config = join(await temporaryDirectory(t), 'config.yaml');
  const p2p = dfdaemon === undefined ? {} : { p2p: { proxy: dfdaemon.origin, mode } };
  const sources = [{ match: { scheme: 'http' }, p2p: dfdaemon !== undefined, ...rule }];
  await writeFile(config, JSON.stringify({ ...p2p, sources }), { mode: 0o600 });
  const mountpoint = await mounted(t, '--config', config, '--metadata-ttl', '1s', ...options);
  return {
    mountpoint,
    read: async (uri, original, manner) =>
      await readInOrder(join(mountpoint, 'http', host, uri), original, manner),
    p2p: async () => {
      const { stdout } = await run(process.execPath, [CLI, 'status', '--json', mountpoint]);
      return (JSON.parse(stdout) as { p2p?: unknown }).p2p;
    },
  };
}

async function readInOrder(
  path: string,
  original: string,
  { offset = 0, bytes = Number.POSITIVE_INFINITY, pauseMs = 0 }: ReadManner = {},
): Promise<ReadReport> {
  const numbers = [offset, bytes, pauseMs].map(String);
  const child = spawn(process.execPath, [READ_PROGRAM, path, original, ...numbers]);
  const texts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => texts.push(text));
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  const text = texts.join('');
  if (code !== 0) throw new Error(`the reader failed: ${text}`);
  return JSON.parse(text) as ReadReport;
}

/** In a line of the test's log. */
export function figuresOf({ bytes, openMs, firstReadMs, longestReadMs, totalMs }: ReadReport): string {
  const mib = bytes / 2 ** 20;
  const rate = (mib / totalMs) * 1000;
  return `${mib.toFixed(0)} MiB in ${(totalMs / 1000).toFixed(2)} s, ${rate.toFixed(0)} MiB/s; open ${openMs.toFixed(0)} ms, first read ${firstReadMs.toFixed(0)} ms, longest read ${longestReadMs.toFixed(0)} ms`;
}
