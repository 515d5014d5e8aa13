import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { validatingClient } from '../../src/source/validating-client.js';
import { type CompleteClient, Request } from '../../src/source/index.js';
import { PluginSet, type PluginSetOptions } from '../../src/source/plugin/plugin-set.js';
import { temporaryDirectory } from './temp.js';

/** The plugins of the documentation. */
export const EXAMPLES = fileURLToPath(new URL('../../../docs/plugins/', import.meta.url));

/** A directory for plugins, as only its owner may write to it. */
export async function pluginDirectory(t: ExecutionContext): Promise<string> {
  const directory = join(await temporaryDirectory(t), 'plugins');
  await mkdir(directory);
  await chmod(directory, 0o755);
  return directory;
}

export async function addExample(directory: string, fileName: string): Promise<void> {
  await copyFile(join(EXAMPLES, fileName), join(directory, fileName));
  await chmod(join(directory, fileName), 0o755);
}

/** A module whose every file contains `content`, apart from the members that `client` (JavaScript) replaces. */
export async function addModule(
  directory: string,
  name: string,
  parts: {
    readonly content?: string;
    readonly client?: string;
    readonly attributes?: string;
    readonly top?: string;
  } = {},
): Promise<string> {
  const { content = `hello from ${name}`, client = '', attributes = '', top = '' } = parts;
  const path = join(directory, `d7y-resource-plugin-${name}.mjs`);
  const text = `${top}
    const data = ${JSON.stringify(content)};
    export function DragonflyPluginInit(option) {
      return [{
        getContentLength: () => data.length,
        isSupportRange: () => false,
        isExpired: () => { throw new Error('implement me'); },
        download: () => data,
        getLastModified: () => { throw new Error('implement me'); },
        ${client}
      }, { type: 'resource', name: '${name}', scheme: '${name}', ${attributes} }];
    }`;
  await writeFile(path, text, { mode: 0o644 });
  return path;
}

export function pluginSet(
  t: ExecutionContext,
  directory: string,
  options: Partial<PluginSetOptions> = {},
): PluginSet {
  const plugins = new PluginSet(
    { directories: [directory], ...options },
    { isInTree: (scheme) => scheme === 'dfs', log: pino({ level: 'silent' }) },
  );
  t.teardown(() => plugins.close());
  return plugins;
}

export async function clientOf(plugins: PluginSet, scheme: string): Promise<CompleteClient> {
  const client = await plugins.clientFor(scheme);
  if (client === undefined) throw new Error(`no plugin for ${scheme}`);
  return validatingClient(client);
}

export async function textOf(client: CompleteClient, url: string): Promise<string> {
  const response = await client.download(new Request(url));
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
