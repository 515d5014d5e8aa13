/** From a TCP connection to a session that can be used: TLS, who is logged in, and how names and data are written. */
import { SourceError } from '../../errors.js';
import { ControlConnection } from './control-connection.js';
import type { FtpAccount, FtpServer } from './ftp-server.js';
import { RefusedReply } from './ftp-reply.js';
import { SecureSockets } from './secure-socket.js';

export interface LoggedIn {
  readonly control: ControlConnection;
  /** Undefined: data is not encrypted. */
  readonly secure: SecureSockets | undefined;
}

/** What RFC 1635 suggests, without the name of a user. */
export const ANONYMOUS: FtpAccount = { user: 'anonymous', password: 'anonymous@' };
const WANTED_FACTS = ['type', 'size', 'modify', 'unique', 'unix.mode'];

export async function logIn(server: FtpServer, endsAtMs: number): Promise<LoggedIn> {
  const account = (await server.account?.get()) ?? ANONYMOUS;
  try {
    return await logInAs(server, account, endsAtMs);
  } catch (error) {
    const isRefused = error instanceof RefusedReply && error.code === 530 && !error.saysTooMany;
    if (!isRefused || account === ANONYMOUS) throw error;
    // It may have been replaced, in its file.
    server.account?.refused(account);
    const renewed = await server.account?.get();
    if (renewed === undefined || renewed === account) throw error;
    return await logInAs(server, renewed, endsAtMs);
  }
}

async function logInAs(server: FtpServer, account: FtpAccount, endsAtMs: number): Promise<LoggedIn> {
  checkAccount(server, account);
  const connected = await connectControl(server, endsAtMs);
  const { control, secure } = connected;
  try {
    control.isShown = account === ANONYMOUS;
    await sendAccount(control, account, endsAtMs);
    if (secure !== undefined) await protectData(server, control, endsAtMs);
    await setUp(server, control, endsAtMs);
    return connected;
  } catch (error) {
    control.close();
    throw error;
  }
}

async function connectControl(server: FtpServer, endsAtMs: number): Promise<LoggedIn> {
  const { engine, url, port, tlsMode } = server;
  const signal = AbortSignal.timeout(Math.max(1, Math.round(endsAtMs - performance.now())));
  const socket = await engine.connectTcp({ url, port }, signal);
  const secure = tlsMode === 'none' ? undefined : new SecureSockets(server);
  if (tlsMode === 'implicit' && secure !== undefined) {
    const control = new ControlConnection(await secure.secure(socket, signal));
    await greeted(control, endsAtMs);
    return { control, secure };
  }
  const control = new ControlConnection(socket);
  await greeted(control, endsAtMs);
  if (secure === undefined) return { control, secure };
  try {
    await control.command('AUTH TLS', endsAtMs);
    // What came before the encryption is not authenticated.
    if (!control.isQuiet) throw new Error('a reply before TLS began');
    await control.secure((plain) => secure.secure(plain, signal));
    return { control, secure };
  } catch (error) {
    control.close();
    throw error instanceof RefusedReply ? noTls(server, error) : error;
  }
}

async function greeted(control: ControlConnection, endsAtMs: number): Promise<void> {
  try {
    await control.greeting(endsAtMs);
  } catch (error) {
    control.close();
    throw error;
  }
}

async function sendAccount(
  control: ControlConnection,
  { user, password }: FtpAccount,
  endsAtMs: number,
): Promise<void> {
  const { code } = await control.command(`USER ${latin1(user)}`, endsAtMs);
  if (code === 331) {
    const passed = await control.command(`PASS ${latin1(password)}`, endsAtMs);
    if (passed.code >= 300) throw new RefusedReply(530, 'an account is demanded', true);
  } else if (code >= 300) {
    throw new RefusedReply(530, 'an account is demanded', true);
  }
}

async function protectData(server: FtpServer, control: ControlConnection, endsAtMs: number): Promise<void> {
  try {
    await control.command('PBSZ 0', endsAtMs);
    await control.command('PROT P', endsAtMs);
  } catch (error) {
    throw error instanceof RefusedReply ? noTls(server, error) : error;
  }
}

async function setUp({ traits }: FtpServer, control: ControlConnection, endsAtMs: number): Promise<void> {
  if (!traits.isAsked) {
    const reply = await allowRefusal(control.command('FEAT', endsAtMs));
    traits.setFeatures(reply?.text ?? '');
  }
  if (traits.has('UTF8')) await allowRefusal(control.command('OPTS UTF8 ON', endsAtMs));
  const facts = traits.parameterOf('MLST')?.toLowerCase() ?? '';
  // A star marks those that come without asking (RFC 3659, 7.8).
  const lacksFacts = WANTED_FACTS.some((fact) => facts.includes(`${fact};`) && !facts.includes(`${fact}*`));
  if (lacksFacts) await allowRefusal(control.command(`OPTS MLST ${WANTED_FACTS.join(';')};`, endsAtMs));
  // Before SIZE, which counts line ends otherwise.
  await control.command('TYPE I', endsAtMs);
  if (traits.restarts === undefined) {
    const tried = await allowRefusal(control.command('REST 1', endsAtMs));
    traits.restarts =
      tried !== undefined && (await allowRefusal(control.command('REST 0', endsAtMs))) !== undefined;
  }
}

async function allowRefusal<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RefusedReply && error.code !== 421) return undefined;
    throw error;
  }
}

function noTls({ url }: FtpServer, cause: RefusedReply): SourceError {
  return new SourceError('TLS', 'the server offers no TLS for this', url, {
    expected: 'a reply that grants it',
    found: `reply ${cause.code}`,
    cause,
  });
}

/** A line end would begin another command. */
function checkAccount({ url }: FtpServer, { user, password }: FtpAccount): void {
  if (user !== '' && !/[\r\n\0]/.test(user + password)) return;
  throw new SourceError('NOT_CONFIGURED', 'the configured user or password cannot be used', url, {
    expected: 'a user, and no line ends or NUL in either',
    found: user === '' ? 'no user' : 'one of them',
  });
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
