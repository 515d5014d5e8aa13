import { SourceError } from '../errors.js';
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

/** Why the description did not come: what `DragonflyPluginInit` threw, or how the process ended. */
export function describeFailure(error: unknown, end: string | undefined): PluginLoadError {
  if (end !== undefined) return new PluginLoadError('PLUGIN_LOAD', end, error);
  if (!(error instanceof SourceError)) return new PluginLoadError('PLUGIN_LOAD', String(error), error);
  const code = error.status === 422 ? 'PLUGIN_MARSHAL' : 'PLUGIN_LOAD';
  if (error.status !== undefined) return new PluginLoadError(code, error.found ?? error.message, error);
  const detail = error.found === undefined ? '' : `: expected ${error.expected}, found ${error.found}`;
  return new PluginLoadError('PLUGIN_LOAD', `describe failed${detail}`, error);
}
