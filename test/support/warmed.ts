import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import type { CacheOptions } from '../../src/cache/cache-options.js';
import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import { WarmJobs } from '../../src/control/warm/warm-jobs.js';
import type { WarmOptions, WarmReport } from '../../src/control/warm/warm-options.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { validatingClient } from '../../src/source/validating-client.js';

export interface Warmed {
  readonly cache: CachedResources;
  readonly jobs: WarmJobs;
  /** Runs a job to its end. */
  readonly warm: (
    urls: readonly string[],
    options?: Partial<WarmOptions>,
  ) => Promise<{ readonly report: WarmReport; readonly lines: readonly object[] }>;
}

const OPTIONS: WarmOptions = { isRecursive: false, jobs: 4, isCheck: false, isBackground: false };

/** The cache of a mount over http, with a disk cache, and its warm jobs. */
export function warmed(t: ExecutionContext, disk: DiskCache, options: Partial<CacheOptions> = {}): Warmed {
  const client = createHttpClient();
  const validating = validatingClient(client);
  const cache = new CachedResources(options, {
    clientFor: () => Promise.resolve(validating),
    disk,
    budget: MetadataBudget.beside(64 * 1024 * 1024),
    log: pino({ level: 'silent' }),
  });
  const warming = warmJobsOf(cache);
  t.teardown(async () => {
    warming.jobs.close();
    await cache.close();
    await client.close();
  });
  return warming;
}

export function warmJobsOf(cache: CachedResources): Warmed {
  const jobs = new WarmJobs(cache.warming);
  return {
    cache,
    jobs,
    warm: async (urls, changes = {}) => {
      const lines: object[] = [];
      const job = jobs.start({ ...OPTIONS, ...changes }, eachOf(urls), (line) => {
        lines.push(line);
        return Promise.resolve();
      });
      await job.ended;
      return { report: job.report(), lines };
    },
  };
}

export async function* eachOf(urls: readonly string[]): AsyncGenerator<string> {
  yield* urls;
}
