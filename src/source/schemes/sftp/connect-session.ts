/** From a URL and its settings to a session: by `~/.ssh/config`, through jump hosts, with the key of each host checked. */
import type { Duplex } from 'node:stream';

import { configuredRoute } from '../../http/configured-route.js';
import type { HttpEngine, TcpTarget } from '../../http/http-engine.js';
import { SourceError } from '../../errors.js';
import type { HostActivity, RequestRoute } from '../../request-activity.js';
import type { SftpSettings } from '../../settings.js';
import { readKnownHost } from './known-hosts.js';
import { loginOf } from './login.js';
import { SftpSession } from './sftp-session.js';
import { ReceiveRing } from './receive-ring.js';
import { RequestCounts } from './request-counts.js';
import { type HostConfig, readHostConfig, type SshHome } from './ssh-config.js';
import { connectSsh, type SshConnection } from './ssh-connection.js';

const MAX_JUMPS = 8;

export interface SessionOptions {
  readonly engine: Pick<HttpEngine, 'connectTcp' | 'checkHost'>;
  readonly home: SshHome;
  readonly timeoutMs: number;
  readonly activity: HostActivity;
  /** Of jump hosts too. */
  readonly settingsFor: (url: URL) => SftpSettings;
}

interface Target {
  readonly url: URL;
  readonly settings: SftpSettings;
  readonly config: HostConfig;
}

/** `signal` ends the attempt, and has the deadline. */
export async function connectSession(
  url: URL,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<SftpSession> {
  const connections: SshConnection[] = [];
  const end = (): void => {
    for (const connection of connections) connection.destroy();
  };
  const connect = async (): Promise<SftpSession> => {
    const path = await pathTo(url, undefined, options);
    for (const target of path) {
      const connection = await connectTo(target, connections[0], options, signal);
      connections.unshift(connection);
      if (signal.aborted) end();
    }
    const counts = new RequestCounts(options.activity, url, await routeOf(path));
    return await SftpSession.begin(connections, options.timeoutMs, counts);
  };
  try {
    // Not all of it ends by itself when the signal fires.
    return await Promise.race([connect(), aborted(signal)]);
  } catch (error) {
    end();
    throw error;
  }
}

async function routeOf([first]: readonly Target[]): Promise<RequestRoute> {
  const configured = first && (await configuredRoute(first.settings));
  return configured?.proxy instanceof URL ? 'proxy' : 'direct';
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** The jump hosts, and the host itself. */
async function pathTo(url: URL, user: string | undefined, options: SessionOptions): Promise<Target[]> {
  const target = await targetOf(url, user, options);
  const path = [target];
  let [first] = path;
  // The first of the jump hosts may have some of its own; one that would lead through itself is reached directly.
  while (first !== undefined && first.config.jumps.length > 0) {
    const jumps: Target[] = [];
    for (const jump of first.config.jumps) jumps.push(await jumpTarget(jump, options));
    const isLoop = jumps.some((jump) => path.some((known) => known.url.host === jump.url.host));
    if (isLoop) break;
    path.unshift(...jumps);
    if (path.length > MAX_JUMPS) throw tooManyJumps(url);
    [first] = path;
  }
  return path;
}

async function jumpTarget(jump: string, options: SessionOptions): Promise<Target> {
  const text = jump.trim().replace(/^ssh:\/\//, '');
  const at = text.lastIndexOf('@');
  const url = `sftp://${text.slice(at + 1).toLowerCase()}`;
  if (!URL.canParse(url)) {
    const facts = { expected: '[user@]host[:port]', found: 'another text' };
    throw new SourceError('NOT_CONFIGURED', 'ProxyJump cannot be used', 'sftp:', facts);
  }
  return await targetOf(new URL(url), at === -1 ? undefined : text.slice(0, at), options);
}

async function targetOf(
  url: URL,
  user: string | undefined,
  { home, settingsFor }: SessionOptions,
): Promise<Target> {
  const settings = settingsFor(url);
  const configured = settings.credentials !== undefined && 'user' in settings.credentials;
  const config = await readHostConfig(home, hostOf(url), {
    user: configured ? settings.credentials.user : user,
    port: url.port === '' ? undefined : Number(url.port),
  });
  return { url, settings, config };
}

async function connectTo(
  target: Target,
  from: SshConnection | undefined,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<SshConnection> {
  const { url, settings, config } = target;
  const { knownHostsFile } = settings;
  const files = knownHostsFile === undefined ? config.knownHostsFiles : [knownHostsFile];
  const name = config.hostKeyAlias ?? config.host;
  const port = config.hostKeyAlias === undefined ? config.port : 22;
  const known = await readKnownHost(files, name, port);
  const place = { url, host: name, port, knownHostsFile: files[0] ?? 'a file of known hosts' };
  const login = await loginOf(settings, config);
  const attempt = async (): Promise<SshConnection> => {
    const carrier = await openStream(target, from, options, signal);
    return await connectSsh({ ...carrier, place, known, login, signal });
  };
  try {
    return await attempt();
  } catch (error) {
    const isRefused = error instanceof SourceError && error.code === 'ACCESS_DENIED';
    if (!isRefused || !(await login.renew())) throw error;
  }
  // A file or command has another secret by now.
  const renewed = await loginOf(settings, config);
  const carrier = await openStream(target, from, options, signal);
  return await connectSsh({ ...carrier, place, known, login: renewed, signal });
}

async function openStream(
  { settings, config: { host, port } }: Target,
  from: SshConnection | undefined,
  { engine }: SessionOptions,
  signal: AbortSignal,
): Promise<{ readonly stream: Duplex; readonly ring?: ReceiveRing }> {
  const real = new URL(`sftp://${host.includes(':') ? `[${host}]` : host}:${port}`);
  if (from === undefined) {
    const proxy = await configuredRoute(settings);
    const ring = new ReceiveRing();
    const tcp: TcpTarget = { url: real, port, onread: ring.onread, ...(proxy && { proxy }) };
    const stream = await engine.connectTcp(tcp, signal);
    ring.follow(stream);
    return { stream, ring };
  }
  await engine.checkHost(real);
  return { stream: await from.forward(host, port) };
}

/** Without the brackets of an address. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function tooManyJumps(url: URL): SourceError {
  const facts = { expected: `at most ${MAX_JUMPS} jump hosts`, found: 'more' };
  return new SourceError('NOT_CONFIGURED', 'the way to the host is too long', url, facts);
}
