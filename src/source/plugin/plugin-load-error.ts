import { safeText } from '../safe-text.js';

/** A plugin that is there cannot be used. The message is Dragonfly's wherever it has one (internal/dfplugin). */
export class PluginLoadError extends Error {
  override readonly name = 'PluginLoadError';
  readonly code: 'PLUGIN_LOAD' | 'PLUGIN_MARSHAL' | 'PLUGIN_TRUST' | 'PLUGIN_RESERVED';

  constructor(code: PluginLoadError['code'], message: string, cause?: unknown) {
    super(safeText(message), cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
