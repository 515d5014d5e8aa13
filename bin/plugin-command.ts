import process from 'node:process';

import { pino } from 'pino';

import { safeJson } from '../src/source/safe-text.js';
import { type Inventory, isBroken, takeInventory } from '../src/source/plugin/inventory.js';
import { composeSources, type Sources } from './compose-sources.js';
import { LiveConfiguration } from './config/live-configuration.js';
import { loadConfiguration } from './config/load-configuration.js';
import type { GivenOptions } from './config/options.js';
import { inventoryLines, type Line, pathFailureLine } from './plugin-lines.js';

export interface PluginCommandOptions {
  readonly json: boolean;
  readonly strict: boolean;
}

/** `d7y-mount plugin`: prints what sources there are, without a mount. Resolves to the exit code. */
export async function listPlugins(options: PluginCommandOptions, given: GivenOptions): Promise<number> {
  const configuration = await loadConfiguration(given);
  let sources: Sources;
  try {
    sources = composeSources(new LiveConfiguration(configuration), pino({ level: 'silent' }));
  } catch (error) {
    write([pathFailureLine(error)]);
    return options.strict ? 1 : 0;
  }
  try {
    const inventory = await takeInventory(sources.registry, sources.plugins);
    if (options.json) process.stdout.write(`${safeJson(JSON.stringify(toJson(inventory), null, 2))}\n`);
    else write(inventoryLines(inventory));
    return options.strict && hasBroken(inventory) ? 1 : 0;
  } finally {
    await sources.close();
  }
}

/** A missing directory is nothing broken; one that cannot be read or trusted is. */
function hasBroken({ directories }: Inventory): boolean {
  return directories.some(
    ({ failure, entries }) => typeof failure === 'object' || entries.some((entry) => isBroken(entry)),
  );
}

function toJson({ inTree, directories }: Inventory): object {
  return {
    inTree,
    directories: directories.map(({ directory, failure, entries }) => ({
      directory,
      error: failure === undefined ? null : failure === 'missing' ? 'no plugin found' : failure.message,
      // As in .plugins: the failed ones too.
      plugins: entries.flatMap((entry) => ('description' in entry ? (entry.description ?? []) : [])),
      problems: inventoryLines({
        inTree: [],
        directories: [{ directory, entries: entries.filter(isBroken) }],
      })
        .slice(1)
        .filter(({ text }) => text !== 'no out of tree plugin found')
        .map(({ text }) => text),
    })),
  };
}

function write(lines: readonly Line[]): void {
  for (const { stream, text } of lines) process[stream].write(`${text}\n`);
}
