/** What `~/.ssh/config` says of a host (ssh_config(5)). Of it, what is listed in `HostConfig` is used. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

import { parse } from 'ssh-config';

import { codeOf } from '../../../error-code.js';
import { SourceError } from '../../errors.js';

const MAX_INCLUDES = 16;
const MAX_CONFIG_BYTES = 1024 * 1024;
const DEFAULT_IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

export interface HostConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Under which its key is known. */
  readonly hostKeyAlias: string | undefined;
  readonly knownHostsFiles: readonly string[];
  readonly identityFiles: readonly string[];
  /** Whether the configuration names them. */
  readonly hasIdentities: boolean;
  readonly identitiesOnly: boolean;
  /** The path of its socket. */
  readonly agent: string | undefined;
  /** `[user@]host[:port]`, the first to be connected to first. */
  readonly jumps: readonly string[];
}

export interface SshHome {
  /** Of the user who mounts. */
  readonly directory: string;
  readonly globalKnownHosts: readonly string[];
  readonly agent: string | undefined;
}

/** Of this process. */
export function sshHome(): SshHome {
  return {
    directory: homedir(),
    globalKnownHosts: ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
    agent: process.env['SSH_AUTH_SOCK'],
  };
}

/** `name`: as in the URL. `user` and `port` are those of the rule and of the URL. */
export async function readHostConfig(
  home: SshHome,
  name: string,
  given: { readonly user?: string | undefined; readonly port?: number | undefined },
): Promise<HostConfig> {
  const { directory } = home;
  const text = await readConfig(join(directory, '.ssh', 'config'), directory, 0);
  // Neither programs nor name look-ups are run by the library: it would wait for them.
  const config = parse(text.replaceAll(/^[ \t]*canonicalize.*$/gim, ''));
  const user = given.user === undefined ? {} : { User: given.user };
  const found = config.compute({ Host: name, ...user }, { ignoreCase: true, matchExec: false });
  const one = (key: string): string | undefined => [found[key] ?? []].flat()[0];
  const all = (key: string): string[] | undefined =>
    found[key] === undefined ? undefined : [found[key]].flat();
  refuseProxyCommand(one('proxycommand'), name);
  const host = (one('hostname') ?? name).replaceAll(/%([h%])/g, (_, token) => (token === 'h' ? name : '%'));
  const login = given.user ?? one('user') ?? userInfo().username;
  const port = given.port ?? Number(one('port') ?? 22);
  const expand = (path: string): string => expanded(path, { directory, host, user: login, port });
  const identityFiles = all('identityfile')?.filter((file) => file !== 'none');
  const ssh = join(directory, '.ssh');
  const agent = one('identityagent') ?? home.agent;
  const own = all('userknownhostsfile') ?? [join(ssh, 'known_hosts'), join(ssh, 'known_hosts2')];
  const jumps = one('proxyjump') ?? 'none';
  return {
    host,
    port,
    user: login,
    hostKeyAlias: one('hostkeyalias'),
    knownHostsFiles: [
      ...own.filter((file) => file !== 'none').map(expand),
      ...(all('globalknownhostsfile') ?? home.globalKnownHosts),
    ],
    identityFiles: (identityFiles ?? DEFAULT_IDENTITIES.map((file) => join(ssh, file))).map(expand),
    hasIdentities: identityFiles !== undefined,
    identitiesOnly: one('identitiesonly')?.toLowerCase() === 'yes',
    agent: agent === undefined || agent === 'none' ? undefined : agentPath(agent, home, expand),
    jumps: jumps.toLowerCase() === 'none' ? [] : jumps.split(','),
  };
}

function agentPath(agent: string, home: SshHome, expand: (path: string) => string): string | undefined {
  if (agent === 'SSH_AUTH_SOCK') return home.agent;
  return agent.startsWith('$') ? process.env[agent.slice(1)] : expand(agent);
}

function refuseProxyCommand(command: string | undefined, name: string): void {
  if (command === undefined || command.toLowerCase() === 'none') return;
  throw new SourceError('NOT_CONFIGURED', 'ProxyCommand is not supported', `sftp://${name}`, {
    expected: 'ProxyJump, or a direct connection',
    found: 'ProxyCommand in ~/.ssh/config',
  });
}

/** `~`, and the tokens that files may have. */
function expanded(
  path: string,
  { directory, host, user, port }: { directory: string; host: string; user: string; port: number },
): string {
  const tokens: Readonly<Record<string, string>> = {
    d: directory,
    h: host,
    p: String(port),
    r: user,
    u: userInfo().username,
    '%': '%',
  };
  const text = path.startsWith('~/') ? join(directory, path.slice(2)) : path;
  return text.replaceAll(/%(.)/g, (whole, token: string) => tokens[token] ?? whole);
}

/** With the files that it includes in their places. */
async function readConfig(file: string, directory: string, depth: number): Promise<string> {
  const text = await readTrusted(file);
  if (text === undefined || depth >= MAX_INCLUDES) return '';
  const lines = text.split('\n').map(async (line) => {
    const [, patterns] = /^\s*include[\s=]+(.*)$/i.exec(line) ?? [];
    if (patterns === undefined) return line;
    const files = await Promise.all(
      patterns
        .trim()
        .split(/\s+/)
        .map((pattern) => includedFiles(pattern.replaceAll('"', ''), directory)),
    );
    const included = await Promise.all(files.flat().map((one) => readConfig(one, directory, depth + 1)));
    return included.join('\n');
  });
  return (await Promise.all(lines)).join('\n');
}

/** `*` and `?` stand in names of files only. */
async function includedFiles(pattern: string, directory: string): Promise<string[]> {
  const home = pattern.startsWith('~/') ? join(directory, pattern.slice(2)) : pattern;
  const path = isAbsolute(home) ? home : join(directory, '.ssh', home);
  if (!/[*?]/.test(path)) return [path];
  const wanted = path.slice(path.lastIndexOf('/') + 1).replaceAll(/[^A-Za-z0-9*?]/g, String.raw`\$&`);
  const expression = new RegExp(`^${wanted.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => expression.test(name) && !name.startsWith('.'))
    .toSorted()
    .map((name) => join(dirname(path), name));
}

/** Undefined: there is none. As OpenSSH, it refuses what others can write to. */
async function readTrusted(file: string): Promise<string | undefined> {
  try {
    const { uid, mode, size } = await stat(file);
    const isOwn = uid === 0 || uid === process.getuid?.();
    if (!isOwn || (mode & 0o022) !== 0) throw unusable(file, 'bad owner or permissions');
    if (size > MAX_CONFIG_BYTES) throw unusable(file, `${size} bytes`);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error instanceof SourceError ? error : unusable(file, codeOf(error));
  }
}

function unusable(file: string, found: string): SourceError {
  return new SourceError('NOT_CONFIGURED', 'the configuration of ssh cannot be used', `file:${file}`, {
    expected: 'a small file of the user or of root, that no other can write to',
    found,
  });
}
