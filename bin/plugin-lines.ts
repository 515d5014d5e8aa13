/**
 * The lines of Dragonfly's `dfget plugin` (cmd/dependency/plugin_cmd.go), each with the stream that it goes
 * to. Where one directory stands there, there may be several here; each has its lines below its
 * `search plugin in`.
 */
import { messageOf } from '../src/error-code.js';
import { escapeControls, safeJson } from '../src/source/safe-text.js';
import type { Inventory, InventoryEntry } from '../src/source/plugin/inventory.js';
import { PluginLoadError } from '../src/source/plugin/plugin-load-error.js';

export interface Line {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export function inventoryLines(inventory: Inventory): Line[] {
  const lines = inventory.inTree.map(({ scheme }) => out(`source plugin: ${scheme}, location: in-tree`));
  for (const { directory, failure, entries } of inventory.directories) {
    lines.push(err(`search plugin in ${directory}`));
    if (failure === 'missing') lines.push(err('no plugin found'));
    else if (failure !== undefined) lines.push(err(`read plugin dir ${directory} error: ${failure.message}`));
    else if (entries.length === 0) lines.push(err('no out of tree plugin found'));
    lines.push(...entries.map(entryLine));
  }
  return lines;
}

/** Printed when the directories cannot be determined. */
export function pathFailureLine(error: unknown): Line {
  return err(`failed to get plugin path: ${goQuote(messageOf(error))}`);
}

function entryLine(entry: InventoryEntry): Line {
  const { fileName } = entry;
  switch (entry.is) {
    case 'usable': {
      const { type, name, attributes } = entry.description;
      return out(`${type} plugin: ${name}, location: ${fileName}, attribute: ${goJson(attributes)}`);
    }
    case 'directory':
      return err(`not support directory: ${fileName}`);
    case 'invalid-name':
      return err(`not valid plugin name: ${fileName}`);
    case 'other-type':
      return err(`not support plugin type: ${entry.type}`);
    case 'not-loadable':
      return err(`not valid plugin binary format ${fileName}: ${goQuote(entry.message)}`);
    case 'broken': {
      const message = goQuote(entry.error.message);
      const isMarshal = entry.error instanceof PluginLoadError && entry.error.code === 'PLUGIN_MARSHAL';
      if (isMarshal) return err(`marshal attribute for ${fileName} error: ${message}`);
      return err(`not valid plugin binary format ${fileName}: ${message}`);
    }
  }
}

function out(text: string): Line {
  return { stream: 'stdout', text: escapeControls(text) };
}

function err(text: string): Line {
  return { stream: 'stderr', text: escapeControls(text) };
}

/** As Go's encoding/json writes a map: keys sorted, and `<`, `>`, `&` and the line separators escaped. */
export function goJson(attributes: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return safeJson(JSON.stringify(Object.fromEntries(sorted))).replace(
    /[<>&]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** As Go's `%q`, but for its short escapes of control characters. */
export function goQuote(text: string): string {
  return safeJson(JSON.stringify(text));
}
