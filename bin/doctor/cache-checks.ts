/** The cache directory: whether it can be used, and what fits. */
import { constants } from 'node:fs';
import { access, lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';

import { isShard, LAYOUT_DIRECTORY } from '../../src/cache/disk/layout.js';
import { reserveBytes } from '../../src/cache/disk/space.js';
import { codeOf } from '../../src/error-code.js';
import { checkOwnership, resolveTrusted, UntrustedPathError } from '../../src/trusted-path.js';
import { cacheDirectory } from '../cache-directory.js';
import { fail, type Finding, ok, unknown, warn } from './check.js';
import { mebibytes } from './host-facts.js';
import { isSeen, lookAt } from './look-outside.js';
import type { SetUp } from './set-up.js';

export async function checkCache({ configuration }: SetUp): Promise<Finding[]> {
  const { cacheSize, cacheDir } = configuration.options;
  if (cacheSize === 0) return [ok('no cache on disk is wanted (--cache-size 0)')];
  const directory = cacheDirectory(configuration.options);
  const { path, isMissing, found } = await nearest(directory);
  if (!isSeen(found)) {
    return [
      fail(
        `${path} cannot be used (${found.reason})`,
        'see that its file system answers, or choose another `--cache-dir`',
      ),
    ];
  }
  const uid = process.geteuid?.() ?? 0;
  const otherwise = 'or choose another `--cache-dir`';
  try {
    const trusted = await resolveTrusted(path, uid);
    if (!trusted.stats.isDirectory()) return [fail(`${path} is no directory`, `remove it, ${otherwise}`)];
    if (!isMissing && trusted.stats.uid !== uid) {
      const how = `as root: \`chown -R ${uid} ${path}\`, ${otherwise}`;
      return [fail(`${path} belongs to user ${trusted.stats.uid}, not to ${uid}`, how)];
    }
    checkOwnership(trusted.path, trusted.stats, uid);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const why =
      error instanceof UntrustedPathError
        ? error.message
        : `${path} cannot be written (${codeOf(error)})${isMissing ? `, so that ${directory} cannot be made` : ''}`;
    // The default one is optional.
    const finding = cacheDir === undefined ? warn : fail;
    return [finding(why, `\`chmod\` or \`chown\` as the message says, ${otherwise}`)];
  }
  return [
    ok(isMissing ? `${directory} will be made` : `${directory} can be used`),
    ...fileSystemFindings(path, found.fileSystem),
  ];
}

/** By what stat(1) calls it. */
const UNFIT: readonly { readonly is: RegExp; readonly why: string }[] = [
  {
    is: /^(?:tmpfs|ramfs)$/,
    why: 'is in memory: it is gone at the next boot, and counts for the limit of a container',
  },
  {
    is: /^(?:nfs|smb|cifs|fuse|ceph|9p|gfs|lustre|afs)/,
    why: 'is reached over the network or through FUSE, which is slower, and stands still with its server',
  },
  {
    is: /^overlayfs$/,
    why: 'is the layer of a container: it goes with the container, and counts for its disk',
  },
];

function fileSystemFindings(path: string, fileSystem: string): Finding[] {
  const unfit = UNFIT.find(({ is }) => is.test(fileSystem));
  if (unfit === undefined) return [];
  return [
    warn(
      `${path} (${fileSystem}) ${unfit.why}`,
      'choose a local disk by `--cache-dir`, or a volume in a container',
    ),
  ];
}

/** Less is of no use. */
const MIN_USABLE_BYTES = 64 * 2 ** 20;
const MAX_COUNTED_FILES = 50_000;

/** The store takes what its limit and the free space allow, and leaves a reserve. */
export async function checkCacheSpace({ configuration }: SetUp): Promise<Finding[]> {
  const { cacheSize } = configuration.options;
  if (cacheSize === 0) return [];
  const directory = cacheDirectory(configuration.options);
  const { path, found } = await nearest(directory);
  if (!isSeen(found)) return [];
  const usedBytes = await storedBytes(join(directory, LAYOUT_DIRECTORY));
  if (usedBytes === undefined) return [unknown(`${directory} has too many files to be counted`)];
  const reserve = reserveBytes(found.totalBytes);
  const usable = usedBytes + Math.max(0, found.freeBytes - reserve);
  const free = `${mebibytes(found.freeBytes)} of ${mebibytes(found.totalBytes)} are free, ${mebibytes(reserve)} stay free`;
  const how = `remove other files from its file system (\`df -h ${path}\`), or choose another \`--cache-dir\``;
  if (usable < Math.min(MIN_USABLE_BYTES, cacheSize))
    return [fail(`the disk of ${path} is full: ${free}, so that nothing is kept`, how)];
  if (usable < cacheSize) {
    return [
      warn(
        `the cache gets ${mebibytes(usable)} instead of ${mebibytes(cacheSize)}: ${free}`,
        `${how}, or give a smaller \`--cache-size\``,
      ),
    ];
  }
  return [ok(`${mebibytes(usedBytes)} of ${mebibytes(cacheSize)} are used; ${free}`)];
}

/** The directory, or the nearest above it that exists. */
async function nearest(directory: string): Promise<{
  readonly path: string;
  readonly isMissing: boolean;
  readonly found: Awaited<ReturnType<typeof lookAt>>;
}> {
  for (let path = directory; ; path = dirname(path)) {
    const found = await lookAt(path);
    if (isSeen(found) || found.reason !== 'No such file or directory' || path === '/')
      return { path, isMissing: path !== directory, found };
  }
}

/** Undefined: there are too many. */
async function storedBytes(root: string): Promise<number | undefined> {
  let [bytes, files] = [0, 0];
  for (const shard of (await readdir(root).catch(() => [])).filter(isShard)) {
    const names = await readdir(join(root, shard)).catch(() => []);
    files += names.length;
    if (files > MAX_COUNTED_FILES) return undefined;
    const found = await Promise.all(
      names.map((name) => lstat(join(root, shard, name)).catch(() => undefined)),
    );
    for (const one of found) bytes += (one?.blocks ?? 0) * 512;
  }
  return bytes;
}
