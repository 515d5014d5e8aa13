/** Which configuration files there are. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import process from 'node:process';

import { codeOf } from '../../src/error-code.js';
import { checkOwnership, resolveTrusted, UntrustedPathError } from '../../src/trusted-path.js';
import { ConfigurationError } from './configuration-error.js';

export const SYSTEM_FILE = '/etc/d7y-mount/config.yaml';

export interface ConfigFile {
  readonly path: string;
  readonly exists: boolean;
}

/** In the order in which they are read: what comes later wins. `given`: the one of `--config`, which is read alone. */
export async function configFiles(
  given: string | undefined,
  environment: Readonly<NodeJS.ProcessEnv>,
  systemFile = SYSTEM_FILE,
): Promise<ConfigFile[]> {
  // One that is missing cannot be read, which is a fault.
  if (given !== undefined) return [{ path: given, exists: true }];
  return [...(await withParts(systemFile)), await fileAt(userFile(environment))];
}

/** The file, and those in `config.d` beside it. */
async function withParts(file: string): Promise<ConfigFile[]> {
  const directory = join(dirname(file), 'config.d');
  const names = await readdir(directory).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
    throw unreadable(directory, error);
  });
  const parts = names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).toSorted();
  return [await fileAt(file), ...parts.map((name) => ({ path: join(directory, name), exists: true }))];
}

/** XDG Base Directory Specification. */
function userFile(environment: Readonly<NodeJS.ProcessEnv>): string {
  const base = environment['XDG_CONFIG_HOME'];
  const directory = base !== undefined && isAbsolute(base) ? base : join(homedir(), '.config');
  return join(directory, 'd7y-mount', 'config.yaml');
}

async function fileAt(path: string): Promise<ConfigFile> {
  try {
    await stat(path);
    return { path, exists: true };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return { path, exists: false };
    throw unreadable(path, error);
  }
}

export interface ConfigText {
  readonly text: string;
  /** Whether users other than the owner can read it. */
  readonly isReadableByOthers: boolean;
}

/** Throws if others could have written it: it may name commands. */
export async function readConfigFile(path: string): Promise<ConfigText> {
  const uid = process.getuid?.() ?? 0;
  try {
    const found = await resolveTrusted(path, uid);
    checkOwnership(found.path, found.stats, uid);
    if (!found.stats.isFile()) {
      throw new ConfigurationError([{ place: path, key: '', message: 'expected a regular file' }]);
    }
    return { text: await readFile(found.path, 'utf8'), isReadableByOthers: (found.stats.mode & 0o044) !== 0 };
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw unreadable(path, error);
  }
}

function unreadable(place: string, error: unknown): ConfigurationError {
  const why = error instanceof UntrustedPathError ? error.message : `cannot be read (${codeOf(error)})`;
  return new ConfigurationError([{ place, key: '', message: why }]);
}
