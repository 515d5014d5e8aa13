import { PluginLoadError } from './plugin-load-error.js';

/** All names and values of a plugin's attributes together, in characters. */
const MAX_ATTRIBUTES_CHARS = 16 * 1024;

/**
 * The attributes of a plugin, checked with Dragonfly's rules, in its order and with its messages
 * (internal/dfplugin/dfplugin.go, pkg/source/plugin.go). A plugin is looked up by its scheme, so that
 * file name, name and scheme are the same word. The others are free.
 */
export function checkAttributes(given: unknown, name: string): Readonly<Record<string, string>> {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw new PluginLoadError('PLUGIN_LOAD', 'empty plugin metadata');
  }
  const entries = Object.entries(given);
  if (entries.length === 0) throw new PluginLoadError('PLUGIN_LOAD', 'empty plugin metadata');
  let chars = 0;
  for (const [key, value] of entries) {
    if (typeof value !== 'string') {
      throw new PluginLoadError('PLUGIN_LOAD', `attribute ${key.slice(0, 100)} is not a string`);
    }
    chars += key.length + value.length;
  }
  if (chars > MAX_ATTRIBUTES_CHARS) {
    throw new PluginLoadError('PLUGIN_LOAD', `attributes are too large: ${chars} characters`);
  }
  const attributes = new Map<string, string>(entries as [string, string][]);
  if (attributes.get('type') !== 'resource')
    throw new PluginLoadError('PLUGIN_LOAD', 'plugin type not match');
  if (attributes.get('name') !== name) throw new PluginLoadError('PLUGIN_LOAD', 'plugin name not match');
  if (attributes.get('scheme') !== name) throw new PluginLoadError('PLUGIN_LOAD', 'support schema not match');
  return Object.fromEntries([...attributes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
