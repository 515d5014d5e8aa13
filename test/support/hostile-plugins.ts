import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { addModule } from './plugins.js';

/** How each hostile plugin misbehaves in `download` or elsewhere; all of them load. */
const HOSTILE_CLIENTS: Readonly<Record<string, string>> = {
  throws: `download: () => { throw new Error('no'); }`,
  rejects: `download: () => Promise.reject(new Error('no'))`,
  loops: `download: () => { for (;;); }`,
  exits: `download: () => process.exit(1)`,
  aborts: `download: () => process.abort()`,
  leaks: `download: async () => {
    globalThis.kept = [];
    for (;;) { kept.push(Buffer.alloc(16 << 20, 1)); await new Promise((go) => setTimeout(go, 20)); }
  }`,
  hangs: `download: () => new Promise(() => 0)`,
  hangsmeta: `getContentLength: () => new Promise(() => 0)`,
  types: `getContentLength: () => 'eleven'`,
  more: `download: () => data + data`,
  fewer: `download: () => 'h'`,
  stops: `download: () => ({ body: (async function* () { yield Buffer.from('h'); await new Promise(() => 0); })() })`,
  floods: `download: () => { for (;;) process.stderr.write('x'.repeat(1 << 16)); }`,
};

/** Modules that do not even load. */
const BROKEN_MODULES: Readonly<Record<string, Parameters<typeof addModule>[2]>> = {
  loopsearly: { top: 'for (;;);' },
  exitsearly: { top: 'process.exit(7);' },
  huge: { attributes: `a: 'x'.repeat(1e7)` },
  escapes: { attributes: `scheme: '../x'` },
  syntax: { top: '] not JavaScript [' },
};

/** Fills a directory with them; returns their schemes. */
export async function addHostilePlugins(directory: string): Promise<string[]> {
  for (const [name, client] of Object.entries(HOSTILE_CLIENTS)) {
    await addModule(directory, name, { client: `${client},` });
  }
  for (const [name, parts] of Object.entries(BROKEN_MODULES)) await addModule(directory, name, parts);
  await chmod(await addModule(directory, 'untrusted'), 0o666);
  await addModule(directory, 'http', { client: `download: () => 'not the file'` });
  await writeFile(join(directory, 'd7y-resource-plugin-Capital.mjs'), 'process.abort()', { mode: 0o644 });
  return [...Object.keys(HOSTILE_CLIENTS), ...Object.keys(BROKEN_MODULES), 'untrusted', 'Capital'];
}
