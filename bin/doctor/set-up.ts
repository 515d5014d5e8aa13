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
import { mountpointOf, urlOfPath } from '../url-path.js';
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
  const sorted = await sortTargets(targets);
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
): Promise<{ readonly urls: string[]; readonly mounts: readonly Mount[]; readonly missing: string[] }> {
  const all = await mountsOfUser();
  if (targets.length === 0) return { urls: [], mounts: all, missing: [] };
  const [urls, mounts, missing]: [string[], Mount[], string[]] = [[], [], []];
  for (const target of targets) {
    if (target.includes('://')) {
      if (!URL.canParse(target)) throw new Error(`${redactUrl(target)} is no URL`);
      urls.push(target);
      continue;
    }
    const path = await realPathOutside(target);
    const mount = all.find(({ mountpoint }) => mountpoint === path);
    if (mount !== undefined) mounts.push(mount);
    else {
      const below = await mountpointOf(path).catch(() => undefined);
      if (below === undefined) missing.push(path);
      else urls.push(urlOfPath(path.slice(below.length), target.endsWith('/')));
    }
  }
  return { urls, mounts, missing };
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= make());
}
