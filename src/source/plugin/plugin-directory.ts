import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { codeOf, messageOf } from '../../error-code.js';
import { MODULE_ENDINGS, parsePluginName, type PluginFile } from './plugin-file.js';
import { checkDirectoryTrust } from './trust.js';

/** What is in a plugin directory, in the order of names. */
export interface DirectoryScan {
  readonly directory: string;
  /** `missing`: there is no such directory; else why it cannot be used. */
  readonly failure?: 'missing' | { readonly message: string };
  readonly found: readonly Found[];
}

/** An entry of a plugin directory: a plugin, or what Dragonfly's plugin command says of it. */
export type Found =
  | { readonly is: 'plugin'; readonly file: PluginFile }
  | { readonly is: 'invalid-name'; readonly fileName: string }
  | { readonly is: 'directory'; readonly fileName: string }
  | { readonly is: 'other-type'; readonly fileName: string; readonly type: string }
  | { readonly is: 'not-loadable'; readonly fileName: string; readonly message: string };

/** Looks through one directory. Files are not opened, but for the `package.json` of a folder. */
export async function scanDirectory(directory: string, uid: number): Promise<DirectoryScan> {
  let names: string[];
  try {
    names = await readdir(directory);
    await checkDirectoryTrust(directory, uid);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { directory, failure: 'missing', found: [] };
    return { directory, failure: { message: messageOf(error) }, found: [] };
  }
  const found: Found[] = [];
  for (const fileName of names.toSorted()) {
    const one = await examine(directory, fileName);
    if (one !== undefined) found.push(one);
  }
  return { directory, found };
}

async function examine(directory: string, fileName: string): Promise<Found | undefined> {
  const path = join(directory, fileName);
  const stats = await stat(path).catch(() => undefined);
  const parsed = parsePluginName(fileName);
  if (stats?.isDirectory() === true) {
    const isPackage = parsed.is === 'resource' && parsed.ending === '';
    if (!isPackage) return { is: 'directory', fileName };
    return await examinePackage(path, fileName, parsed.name);
  }
  if (parsed.is === 'invalid') return { is: 'invalid-name', fileName };
  if (parsed.is === 'other-type') return { is: 'other-type', fileName, type: parsed.type };
  if (stats === undefined) return { is: 'not-loadable', fileName, message: 'the link leads nowhere' };
  const { name, ending } = parsed;
  const common = { name, fileName, path, root: path, fingerprint: fingerprintOf(path, stats) };
  if (MODULE_ENDINGS.includes(ending)) return { is: 'plugin', file: { ...common, kind: 'module' } };
  if (ending === '.so') {
    const message = 'a Go plugin is bound to its toolchain; build it with the adapter of docs/PLUGINS.md';
    return { is: 'not-loadable', fileName, message };
  }
  if (!stats.isFile() || (stats.mode & 0o111) === 0) {
    return { is: 'not-loadable', fileName, message: 'neither a module (.mjs, .js, .cjs) nor executable' };
  }
  return { is: 'plugin', file: { ...common, kind: 'program' } };
}

/** A folder with a `package.json`, whose `exports` or `main` names the module. */
async function examinePackage(path: string, fileName: string, name: string): Promise<Found> {
  const description = join(path, 'package.json');
  const main = await mainOf(description).catch(() => undefined);
  if (main === undefined) return { is: 'directory', fileName };
  const [ofMain, ofDescription] = await Promise.all([
    stat(join(path, main)).catch(() => undefined),
    stat(description).catch(() => undefined),
  ]);
  if (ofMain === undefined || ofDescription === undefined) {
    return { is: 'not-loadable', fileName, message: `package.json names ${main}, which is not there` };
  }
  const fingerprint = fingerprintOf(join(path, main), ofMain) + fingerprintOf(description, ofDescription);
  const file = { name, fileName, path: join(path, main), root: path, kind: 'module', fingerprint } as const;
  return { is: 'plugin', file };
}

async function mainOf(description: string): Promise<string> {
  const { exports, main } = JSON.parse(await readFile(description, 'utf8')) as {
    exports?: unknown;
    main?: unknown;
  };
  if (typeof exports === 'string') return exports;
  return typeof main === 'string' ? main : 'index.js';
}

function fingerprintOf(path: string, { dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${path} ${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs};`;
}
