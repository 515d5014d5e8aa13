/**
 * A resolve hook (node:module, `register`): `d7y-mount/plugin` is this very package, and nothing is imported that others
 * could have put there.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { refusalOf } from './import-trust.js';

const EXPORTS: Readonly<Record<string, URL>> = {
  'd7y-mount/plugin': new URL('../../plugin-api.js', import.meta.url),
};
/** What this package imports is its own affair. */
const OWN = new URL('../../../', import.meta.url).href;

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}

interface Context {
  readonly parentURL?: string;
}

export async function resolve(
  specifier: string,
  context: Context,
  next: (specifier: string, context: Context) => Promise<Resolved>,
): Promise<Resolved> {
  const own = EXPORTS[specifier];
  if (own !== undefined) return { url: own.href, shortCircuit: true };
  const resolved = await next(specifier, context);
  const { parentURL } = context;
  if (parentURL === undefined || parentURL.startsWith(OWN) || !resolved.url.startsWith('file:'))
    return resolved;
  const path = fileURLToPath(resolved.url);
  const refusal = refusalOf(path);
  if (refusal === undefined) return resolved;
  const above = aboveModulesOf(path, parentURL);
  if (isPath(specifier) || above === undefined) throw refusal;
  try {
    return await resolve(specifier, { ...context, parentURL: above }, next);
  } catch {
    throw refusal;
  }
}

function isPath(specifier: string): boolean {
  return /^(\.{0,2}\/|#|[a-z]+:)/.test(specifier);
}

/** A parent that is looked above of, past the `node_modules` that the path was found in; undefined: there is none. */
function aboveModulesOf(path: string, parentURL: string): string | undefined {
  if (!parentURL.startsWith('file:')) return undefined;
  let directory = dirname(fileURLToPath(parentURL));
  while (!path.startsWith(join(directory, 'node_modules', '/'))) {
    if (directory === dirname(directory)) return undefined;
    directory = dirname(directory);
  }
  if (directory === dirname(directory)) return undefined;
  return pathToFileURL(join(dirname(directory), 'parent')).href;
}
