/** `--memory` in a memory cgroup, whose limit the kernel enforces by ending the process. */
import { type CgroupLimit, cgroupLimit } from '../src/memory/cgroup-limit.js';
import { MetadataBudget } from '../src/memory/metadata-budget.js';
import { formatSize } from '../src/quantity.js';
import type { Configuration } from './config/configuration.js';

const MIB = 2 ** 20;
/** What the program takes itself (docs/SEMANTICS.md, "Memory"). */
const PROGRAM_BYTES = 140 * MIB;
/** Open files, plugins, and pages of the cache directory, which count too. */
const SPARE_SHARE = 1 / 5;
const MIN_BYTES = 8 * MIB;

/** The configuration with as much memory as fits. What was given stays, with a warning if it cannot fit. */
export function withFittingMemory(
  configuration: Configuration,
  limit: CgroupLimit | undefined = cgroupLimit(),
): Configuration {
  const { options, origins, warnings } = configuration;
  if (limit === undefined || fits(options.memory, limit.bytes)) return configuration;
  const fitting = fittingBytes(limit.bytes);
  const [shown, ofLimit] = [formatSize(fitting), `${formatSize(limit.bytes)} (${limit.path})`];
  const isGiven = origins.memory !== undefined;
  const memory = isGiven ? options.memory : Math.min(options.memory, fitting);
  const warning = fits(memory, limit.bytes)
    ? undefined
    : `${formatSize(memory)} of memory do not fit into the cgroup's ${ofLimit}: the kernel may end the mount; ${shown} or less may do`;
  return {
    ...configuration,
    options: { ...options, memory },
    origins: isGiven ? origins : { ...origins, memory: `default, in a cgroup of ${ofLimit}` },
    warnings: warning === undefined ? warnings : [...warnings, warning],
  };
}

function fits(memoryBytes: number, limitBytes: number): boolean {
  return neededBytes(memoryBytes) <= limitBytes * (1 - SPARE_SHARE);
}

function neededBytes(memoryBytes: number): number {
  return PROGRAM_BYTES + memoryBytes + MetadataBudget.beside(memoryBytes).limitBytes;
}

/** In whole MiB. */
function fittingBytes(limitBytes: number): number {
  let [low, high] = [MIN_BYTES / MIB, Math.floor(Math.max(MIN_BYTES, limitBytes) / MIB)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle * MIB, limitBytes)) low = middle;
    else high = middle - 1;
  }
  return low * MIB;
}
