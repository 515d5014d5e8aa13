import { pathToFileURL } from 'node:url';

import type { PluginClient } from '../plugin-module.js';

/** What `DragonflyPluginInit` made. */
export interface InitResult {
  readonly client: PluginClient | undefined;
  readonly attributes: unknown;
}

const FIVE = ['getContentLength', 'isSupportRange', 'isExpired', 'download', 'getLastModified'] as const;

/** Loads a module and calls its `DragonflyPluginInit`, with the checks and messages of internal/dfplugin. */
export async function initModule(
  modulePath: string,
  option: Readonly<Record<string, string>>,
): Promise<InitResult> {
  const init = findInit(
    (await import(pathToFileURL(modulePath).href)) as Record<string, unknown>,
    modulePath,
  );
  const result: unknown = await init(option);
  if (!Array.isArray(result)) throw new Error('invalid plugin init function signature');
  const [client, attributes] = result as unknown[];
  return { client: isClient(client) ? client : undefined, attributes };
}

function findInit(
  exported: Record<string, unknown>,
  modulePath: string,
): (option: Readonly<Record<string, string>>) => unknown {
  // Of a CommonJS module everything may be in `default`.
  const fromDefault = exported['default'] as Record<string, unknown> | null | undefined;
  const init = exported['DragonflyPluginInit'] ?? fromDefault?.['DragonflyPluginInit'];
  if (init === undefined) {
    throw new Error(`plugin: symbol DragonflyPluginInit not found in plugin ${modulePath}`);
  }
  if (typeof init !== 'function') throw new Error('invalid plugin init function signature');
  return init as (option: Readonly<Record<string, string>>) => unknown;
}

function isClient(value: unknown): value is PluginClient {
  if (typeof value !== 'object' || value === null) return false;
  return FIVE.every((method) => typeof (value as Record<string, unknown>)[method] === 'function');
}
