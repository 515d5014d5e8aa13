import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startBucketServer } from '../servers/bucket/bucket-server.js';

/** A directory of the bucket, and of each of its other names. */
const DIRECTORY = 'tree';
const BUCKET = 'sweep-original';

export interface SweepBucket {
  /** For the mount. */
  readonly configFile: string;
  /** Below the mountpoint. */
  directory(name: string): string;
  stop(): Promise<void>;
}

/** A bucket of s3 that has the tree, under as many names as are requested. */
export async function startSweepBucket(
  configFile: string,
  tree: string,
  names: readonly string[],
): Promise<SweepBucket> {
  const undo: (() => unknown)[] = [];
  const server = await startBucketServer({ teardown: (work) => undo.push(work) }, 's3');
  for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const key = join(DIRECTORY, path.slice(tree.length + 1));
    const { mtimeMs: lastModifiedMs } = await stat(path);
    // A key that ends with a slash makes an empty directory.
    if (entry.isDirectory()) server.put(BUCKET, `${key}/`, '', { lastModifiedMs });
    else server.put(BUCKET, key, await readFile(path), { lastModifiedMs });
  }
  for (const name of names) server.alias(name, BUCKET);
  const { origin: endpoint, accessKeyId, accessKeySecret } = server;
  const rule = { match: { scheme: 's3' }, endpoint, credentials: { accessKeyId, accessKeySecret } };
  await writeFile(configFile, JSON.stringify({ sources: [rule] }), { mode: 0o600 });
  return {
    configFile,
    directory: (name) => join('s3', name, DIRECTORY),
    stop: async () => {
      for (const work of undo) await work();
    },
  };
}
