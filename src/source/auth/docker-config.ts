/** Logins to registries, as docker, podman and their credential helpers keep them. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { codeOf } from '../../error-code.js';
import { SourceError } from '../errors.js';
import { CommandError, endedWith, runCommand } from './run-command.js';
import { variable } from './variable.js';

export type RegistryLogin =
  | { readonly user: string; readonly password: string }
  /** For the registry's token service, as a refresh token. */
  | { readonly identityToken: string }
  /** For the registry itself. */
  | { readonly registryToken: string };

interface DockerConfigFile {
  readonly auths?: Readonly<Record<string, AuthEntry | null>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

interface AuthEntry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

const HUB_KEY = 'https://index.docker.io/v1/';
const HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
/** The user that a helper gives with an identity token. */
const TOKEN_USER = '<token>';

/** `directory`: the one that has `config.json`. Without it, where docker, podman and singularity have theirs. */
export function dockerConfigFiles(directory?: string): string[] {
  if (directory !== undefined) return [join(directory, 'config.json')];
  const home = homedir();
  const [podman, runtime] = [variable('REGISTRY_AUTH_FILE'), variable('XDG_RUNTIME_DIR')];
  return [
    ...(podman === undefined ? [] : [podman]),
    join(variable('DOCKER_CONFIG') ?? join(home, '.docker'), 'config.json'),
    ...(runtime === undefined ? [] : [join(runtime, 'containers', 'auth.json')]),
    join(home, '.config', 'containers', 'auth.json'),
    join(home, '.singularity', 'docker-config.json'),
  ];
}

/**
 * The login for a repository of a registry, out of the first file that has one. Undefined: none has. A file that came from another
 * machine may name a helper that is not installed here: its name is added to `missing`, and what is public can still be read.
 */
export async function findLogin(
  files: readonly string[],
  registry: string,
  repository: string,
  missing: Set<string> = new Set(),
): Promise<RegistryLogin | undefined> {
  for (const file of files) {
    const config = await readConfig(file);
    const login = config && (await loginIn(config, registry, repository, missing));
    if (login !== undefined) return login;
  }
  return undefined;
}

async function readConfig(file: string): Promise<DockerConfigFile | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error))) return undefined;
    throw unreadable(file, codeOf(error));
  });
  if (text === undefined) return undefined;
  const config = jsonObject(text);
  if (config === undefined) throw unreadable(file, 'another text');
  return config;
}

function unreadable(file: string, found: string): SourceError {
  return new SourceError('NOT_CONFIGURED', 'the logins of registries cannot be read', `file:${file}`, {
    expected: 'JSON of docker or podman',
    found,
  });
}

/** As docker: the helper of the registry, else the one for all, else the file itself. */
async function loginIn(
  { auths, credHelpers, credsStore }: DockerConfigFile,
  registry: string,
  repository: string,
  missing: Set<string>,
): Promise<RegistryLogin | undefined> {
  const keys = keysOf(registry, repository);
  const helped = keys.find((key) => credHelpers?.[key] !== undefined);
  if (helped !== undefined) return await askHelper(credHelpers?.[helped] ?? '', helped, missing);
  const isHub = HUB_HOSTS.has(registry);
  const stored = credsStore ? await askHelper(credsStore, isHub ? HUB_KEY : registry, missing) : undefined;
  if (stored !== undefined) return stored;
  const entries = Object.entries(auths ?? {});
  const found = keys.map((key) => entries.find(([name]) => plainKey(name) === plainKey(key))?.[1]);
  return found.map((entry) => loginOf(entry ?? {})).find((login) => login !== undefined);
}

/** The most specific first: podman has logins for parts of a registry. */
function keysOf(registry: string, repository: string): string[] {
  const segments = [registry, ...repository.split('/').filter((segment) => segment !== '')];
  const keys = segments.map((_, i) => segments.slice(0, segments.length - i).join('/'));
  return HUB_HOSTS.has(registry) ? [HUB_KEY, ...keys, ...HUB_HOSTS] : keys;
}

/** Old logins have a URL with the version of the API. */
function plainKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
}

function loginOf({
  auth,
  username,
  password,
  identitytoken,
  registrytoken,
}: AuthEntry): RegistryLogin | undefined {
  if (identitytoken) return { identityToken: identitytoken };
  if (registrytoken) return { registryToken: registrytoken };
  if (username && password) return { user: username, password };
  const pair = Buffer.from(auth ?? '', 'base64').toString();
  const colon = pair.indexOf(':');
  // Docker pads passwords with NUL.
  return colon < 1
    ? undefined
    : { user: pair.slice(0, colon), password: pair.slice(colon + 1).replace(/\0+$/, '') };
}

/** The protocol of docker-credential-helpers: a key on stdin, JSON on stdout. */
async function askHelper(
  name: string,
  key: string,
  missing: Set<string>,
): Promise<RegistryLogin | undefined> {
  if (!/^[\w.-]+$/.test(name)) throw helperFailure(name, 'another name');
  try {
    const { code, stdout } = await runCommand([`docker-credential-${name}`, 'get'], key);
    if (code !== 0) {
      // The helpers print errors to stdout, and have no code for this one.
      if (/credentials not found/i.test(stdout)) return undefined;
      throw helperFailure(name, endedWith(code));
    }
    const login = helperLogin(stdout);
    if (login !== undefined) return login;
    throw helperFailure(name, 'another output');
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (error instanceof CommandError && error.isMissing) {
      missing.add(`docker-credential-${name}`);
      return undefined;
    }
    throw helperFailure(name, error instanceof CommandError ? error.message : String(error));
  }
}

/** What a helper prints; undefined: it is something else. */
export function helperLogin(output: string): RegistryLogin | undefined {
  const form: { readonly Username?: unknown; readonly Secret?: unknown } = jsonObject(output) ?? {};
  const { Username: user = '', Secret: secret } = form;
  if (typeof secret !== 'string' || typeof user !== 'string' || secret === '') return undefined;
  return user === TOKEN_USER ? { identityToken: secret } : { user, password: secret };
}

function jsonObject(text: string): object | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function helperFailure(name: string, found: string): SourceError {
  return new SourceError(
    'ACCESS_DENIED',
    'the credential helper fails',
    `command:docker-credential-${name}`,
    {
      expected: 'a login',
      found,
    },
  );
}
