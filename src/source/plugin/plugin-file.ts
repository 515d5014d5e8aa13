/**
 * What a file in a plugin directory is, by its name: Dragonfly's `d7y-<type>-plugin-<name>`
 * (internal/dfplugin, `PluginFormat`), anchored, and with the endings that stand for a module here.
 */

/** One plugin, as found in a directory. */
export interface PluginFile {
  /** Name and scheme. */
  readonly name: string;
  /** The name of the file or folder, as it is shown. */
  readonly fileName: string;
  /** What is loaded or executed, once links are resolved. */
  readonly path: string;
  /** The entry of the plugin directory: `path`, or the folder that it is in. */
  readonly root: string;
  /** `module`: loaded into a Node.js process of ours; `program`: executed. */
  readonly kind: 'module' | 'program';
  /** Changes when the file does. */
  readonly fingerprint: string;
}

export type PluginName =
  | { readonly is: 'resource'; readonly name: string; readonly ending: string }
  | { readonly is: 'other-type'; readonly type: string }
  | { readonly is: 'invalid' };

/** Schemes begin with a letter (RFC 3986, 3.1). */
const PATTERN = /^d7y-(resource|manager|scheduler)-plugin-([a-z][a-z0-9]*)(\.[a-z0-9]+)?$/;

export const MODULE_ENDINGS: readonly string[] = ['.mjs', '.js', '.cjs'];

export function parsePluginName(fileName: string): PluginName {
  const match = PATTERN.exec(fileName);
  if (match?.[1] === undefined || match[2] === undefined || match[2].length > 64) return { is: 'invalid' };
  if (match[1] !== 'resource') return { is: 'other-type', type: match[1] };
  return { is: 'resource', name: match[2], ending: match[3] ?? '' };
}
