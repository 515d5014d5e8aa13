/**
 * From where a module may import: as the plugin itself, only from where root and this user alone can put code.
 * Node.js looks for a package in the `node_modules` of every directory above: one that others could have made,
 * as in /tmp, is passed over.
 */
import { isAbsolute } from 'node:path';
import Module from 'node:module';
import process from 'node:process';

import { checkOwnership, resolveTrustedSync } from '../../../trusted-path.js';

const uid = process.geteuid?.() ?? 0;

/** Why a file or folder must not be used; undefined: it may. */
export function refusalOf(path: string): unknown {
  try {
    const { path: real, stats } = resolveTrustedSync(path, uid);
    checkOwnership(real, stats, uid);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What `require` uses of node:module, which is not documented, and has been there since the beginning. */
interface Resolver {
  _nodeModulePaths: (from: string) => string[];
  _resolveFilename: (request: string, ...rest: unknown[]) => string;
}

/** For `require`, which has no hooks. */
export function checkRequires(): void {
  const resolver = Module as unknown as Resolver;
  const { _nodeModulePaths: nodeModulePaths, _resolveFilename: resolveFilename } = resolver;
  resolver._nodeModulePaths = (from) =>
    nodeModulePaths.call(Module, from).filter((path) => refusalOf(path) === undefined);
  resolver._resolveFilename = (request, ...rest) => {
    const path = resolveFilename.call(Module, request, ...rest);
    const refusal = isAbsolute(path) ? refusalOf(path) : undefined;
    if (refusal !== undefined) throw refusal;
    return path;
  };
}
