/**
 * What there is: the clients of the tree, and all that lies in the plugin directories, each plugin started
 * once to see whether it can be used. Descriptions are the registry's, as `.plugins` shows them.
 */
import type { ClientDescription, ClientRegistry } from '../registry.js';
import type { DirectoryScan, Found } from './plugin-directory.js';
import { PluginLoadError } from './plugin-load-error.js';
import type { PluginSet } from './plugin-set.js';

export interface Inventory {
  /** Sorted by scheme. */
  readonly inTree: readonly ClientDescription[];
  readonly directories: readonly DirectoryInventory[];
}

export interface DirectoryInventory {
  readonly directory: string;
  readonly failure?: DirectoryScan['failure'];
  readonly entries: readonly InventoryEntry[];
}

export type InventoryEntry =
  | Exclude<Found, { is: 'plugin' }>
  | { readonly is: 'usable'; readonly fileName: string; readonly description: ClientDescription }
  | {
      readonly is: 'broken';
      readonly fileName: string;
      readonly error: Error;
      /** Of one that failed to load; absent when it is not used at all. */
      readonly description?: ClientDescription | undefined;
    };

export async function takeInventory(registry: ClientRegistry, plugins: PluginSet): Promise<Inventory> {
  await plugins.refresh();
  const inTree = registry
    .listClients()
    .map((scheme) => registry.describe(scheme))
    .filter((description) => description?.location === 'in-tree') as ClientDescription[];
  const directories: DirectoryInventory[] = [];
  for (const { found, ...scan } of plugins.scans) {
    const entries: InventoryEntry[] = [];
    for (const one of found) entries.push(await examine(one, registry, plugins));
    directories.push({ ...scan, entries });
  }
  return { inTree, directories };
}

export function isBroken(entry: InventoryEntry): boolean {
  return entry.is !== 'usable';
}

async function examine(found: Found, registry: ClientRegistry, plugins: PluginSet): Promise<InventoryEntry> {
  if (found.is !== 'plugin') return found;
  const { file } = found;
  const { fileName, name } = file;
  const refusal = plugins.refusalOf(file);
  if (refusal !== undefined) return { is: 'broken', fileName, error: refusal };
  try {
    await plugins.clientFor(name);
    const description = registry.describe(name);
    if (description === undefined) throw new PluginLoadError('PLUGIN_LOAD', 'it was removed');
    return { is: 'usable', fileName, description };
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    return { is: 'broken', fileName, error: failure, description: registry.describe(name) };
  }
}
