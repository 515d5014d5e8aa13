/** What the checks look at: the effective configuration, the mounts and the URLs that are given. */
import process from 'node:process';

import type { Mount } from '../../src/mount/mount-table.js';
import { redactUrl } from '../../src/source/safe-text.js';
import type { ConfigurationFault } from '../config/configuration-error.js';
import { ConfigurationError } from '../config/configuration-error.js';
import { type Configuration, configurationOf } from '../config/configuration.js';
import { loadConfiguration } from '../config/load-configuration.js';
import { DEFAULT_OPTIONS } from '../config/option-table.js';
import type { GivenOptions } from '../config/options.js';
import { withFittingMemory } from '../fitting-memory.js';
import { mountsOfUser } from '../reach-mount.js';
import { mountpointOf, rootOf, urlOfPath } from '../url-path.js';
import { realPathOutside } from './look-outside.js';
import { type OriginProbe, probeOrigins } from './origin-probe.js';
import { type UrlProbe, probeUrls } from './url-probe.js';

export interface SetUp {
  readonly uid: number;
  /** The defaults and the command line, where the files have faults. */
  readonly configuration: Configuration;
  readonly faults: readonly ConfigurationFault[];
  readonly mounts: readonly Mount[];
  /** Paths that were given, and on which nothing is mounted. */
  readonly missingMounts: readonly string[];
  /** Whether URLs were given; else those of the rules are probed. */
  readonly hasUrls: boolean;
  readonly urlProbes: () => Promise<readonly UrlProbe[]>;
  readonly originProbes: () => Promise<readonly OriginProbe[]>;
}

/** `targets`: URLs, mountpoints and paths below them; none: all mounts of the user, and the rules of the configuration. */
export async function setUpOf(targets: readonly string[], given: GivenOptions): Promise<SetUp> {
  const { configuration, faults } = await effective(given);
  const sorted = await sortTargets(targets, configuration.options);
  const urlProbes = once(() => probeUrls(configuration, sorted.urls));
  return {
    uid: process.getuid?.() ?? 0,
    configuration,
    faults,
    mounts: sorted.mounts,
    missingMounts: sorted.missing,
    hasUrls: sorted.urls.length > 0,
    urlProbes,
    originProbes: once(async () => await probeOrigins(configuration, await urlProbes())),
  };
}

async function effective(given: GivenOptions): Promise<Pick<SetUp, 'configuration' | 'faults'>> {
  try {
    return { configuration: withFittingMemory(await loadConfiguration(given)), faults: [] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { configuration: configurationOf({ ...DEFAULT_OPTIONS, ...given }), faults: error.faults };
  }
}

async function sortTargets(
  targets: readonly string[],
  given: GivenOptions,
): Promise<{ readonly urls: string[]; readonly mounts: readonly Mount[]; readonly missing: string[] }> {
  const all = await mountsOfUser();
  const uid = process.getuid?.();
  const own = all.filter(({ userId }) => userId === uid);
  if (targets.length === 0) return { urls: [], mounts: own, missing: [] };
  const [urls, missing]: [string[], string[]] = [[], []];
  const mounts = new Set<Mount>();
  for (const target of targets) {
    if (target.includes('://')) {
      if (!URL.canParse(target)) throw new Error(`${redactUrl(target)} is no URL`);
      urls.push(target);
      continue;
    }
    const path = await realPathOutside(target);
    const mountpoint = await mountpointOf(path).catch(() => undefined);
    const mount = all.find((one) => one.mountpoint === mountpoint);
    if (mount === undefined) missing.push(path);
    else mounts.add(mount);
    if (mountpoint !== undefined) urls.push(...(await urlsAt(path, mountpoint, target.endsWith('/'), given)));
  }
  return { urls, mounts: [...mounts], missing };
}

/** None: of the mountpoint, and of a scheme. */
async function urlsAt(
  path: string,
  mountpoint: string,
  isDirectory: boolean,
  given: GivenOptions,
): Promise<string[]> {
  try {
    const root = await rootOf(mountpoint, given);
    return path === mountpoint ? [] : [urlOfPath(path.slice(mountpoint.length), isDirectory, root)];
  } catch {
    return [];
  }
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= make());
}
