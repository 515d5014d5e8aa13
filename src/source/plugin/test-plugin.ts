/** What the package exports to tests of plugins, as `d7y-mount/plugin-test`. */
import { basename, dirname, resolve } from 'node:path';

import { pino } from 'pino';

import { messageOf } from '../../error-code.js';
import { CONFORMANCE_CHECKS, type SourceFacts } from '../conformance.js';
import { validatingClient } from '../validating-client.js';
import type { CompleteClient } from '../resource-client.js';
import { PluginSet } from './plugin-set.js';

export type { SourceFacts } from '../conformance.js';

export interface TestPluginFacts extends SourceFacts {
  /** The argument of `DragonflyPluginInit`. */
  readonly option?: Readonly<Record<string, string>>;
}

/** A plugin breaks the contract; `errors` has one error for each check that failed, its title in front. */
export class PluginConformanceError extends AggregateError {
  override readonly name = 'PluginConformanceError';
  readonly code = 'PLUGIN_CONFORMANCE';
}

/**
 * Runs a plugin as the mount does, in a process of its own, and checks that it keeps to the contract of a
 * source. Resolves when it does; rejects with a `PluginConformanceError` that lists every check that failed.
 *
 * @example
 * test('conforms', () => testPlugin('./d7y-resource-plugin-d7yfs.mjs', {
 *   url: 'd7yfs://host/any', content: Buffer.from('hello world'), supportsRange: false,
 * }));
 */
export async function testPlugin(path: string, facts: TestPluginFacts): Promise<void> {
  await withPlugin(path, facts.option ?? {}, async (client) => {
    const errors: Error[] = [];
    for (const { title, check } of CONFORMANCE_CHECKS) {
      await check({ ...facts, client }).catch((error: unknown) => {
        const said = messageOf(error);
        errors.push(new Error(`${title}: ${said}`, { cause: error }));
      });
    }
    if (errors.length === 0) return;
    const list = errors.map(({ message }) => `\n- ${message}`).join('');
    throw new PluginConformanceError(errors, `${basename(path)} breaks the contract of a source:${list}`);
  });
}

/** Lends the client of one plugin. Rejects with the plugin's own error when it cannot be loaded. */
export async function withPlugin<Result>(
  path: string,
  option: Readonly<Record<string, string>>,
  work: (client: CompleteClient) => Promise<Result>,
): Promise<Result> {
  const fileName = basename(path);
  const name = /^d7y-resource-plugin-([a-z0-9]+)/.exec(fileName)?.[1] ?? fileName;
  const plugins = new PluginSet(
    { directories: [dirname(resolve(path))], option: { [name]: option } },
    { isInTree: () => false, log: pino({ level: 'silent' }) },
  );
  try {
    const client = await plugins.clientFor(name);
    if (client === undefined) {
      const scan = plugins.scans[0];
      const found = scan?.found.find((one) => one.is !== 'plugin' && one.fileName === fileName);
      const failure = typeof scan?.failure === 'object' ? scan.failure.message : undefined;
      const why = failure ?? (found === undefined ? 'there is none' : JSON.stringify(found));
      throw new Error(`${path} is no plugin: ${why}`);
    }
    return await work(validatingClient(client));
  } finally {
    await plugins.close();
  }
}
