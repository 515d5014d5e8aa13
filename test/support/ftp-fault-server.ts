/** A server of FTP that does what a test says: knows less, fails, hangs, and lies. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecutionContext } from 'ava';

export interface FaultyFile {
  readonly content: Buffer;
  readonly modifiedMs: number;
}

/** What is wrong with the next replies to a command; `greeting` and `data` are met like commands. */
export interface FtpFault {
  readonly command: string;
  /** Default: always. */
  readonly times?: number;
  /** Is done before. */
  readonly before?: () => void;
  /** Instead of the server's own. */
  readonly reply?: string;
  /** Comes before the server's own. */
  readonly strayReply?: string;
  /** There is none, and the connection stays. */
  readonly hangs?: boolean;
  /** The connection ends. */
  readonly closes?: boolean;
  /** Of a transfer: the connection ends behind so many bytes, with 426. */
  readonly cutAfterBytes?: number;
  /** Of a transfer: what is sent instead. */
  readonly sends?: () => Iterable<string | Buffer>;
  /** Of a transfer: in pieces of `bytes`, one each `everyMs`. */
  readonly drip?: { readonly bytes: number; readonly everyMs: number };
}

export interface FtpFaultServerOptions {
  /** Commands that it does not know: 500. */
  readonly lacks?: readonly string[];
  /** In the answer to PASV. */
  readonly pasvAddress?: string;
  /** Replies come byte by byte. */
  readonly isSlow?: boolean;
  /** More than so many connections at once are refused: 421. */
  readonly maxConnections?: number;
  readonly account?: { readonly user: string; password: string };
  /** `explicit`: AUTH TLS is known. Files in PEM. */
  readonly tls?: {
    readonly mode: 'explicit' | 'implicit';
    readonly certificate: string;
    readonly key: string;
  };
}

export interface FtpFaultServer {
  readonly host: string;
  readonly port: number;
  /** By their paths: `/dir/file`. What is before a slash is a directory. */
  readonly files: Map<string, FaultyFile>;
  /** All that came, `greeting` for each connection. */
  readonly commands: string[];
  /** The same, by connection. */
  readonly sessions: string[][];
  /** Connections that are open now, and the most that were. */
  readonly connections: { open: number; most: number };
  put(path: string, content: Buffer | string): void;
  add(fault: FtpFault): void;
  clear(): void;
  /** Ends all connections, with a reply before that or without. */
  endAll(reply?: string): void;
}

const HOUR_MS = 3_600_000;
/** After so long a client has read the reply before. */
const STRAY_MS = 50;

export async function startFtpFaultServer(
  t: Pick<ExecutionContext, 'teardown'>,
  options: FtpFaultServerOptions = {},
): Promise<FtpFaultServer> {
  const files = new Map<string, FaultyFile>();
  const sessions = new Set<Session>();
  let faults: { readonly fault: FtpFault; left: number }[] = [];
  let puts = 0;
  const state: FaultState = {
    options,
    files,
    commands: [],
    sessions: [],
    connections: { open: 0, most: 0 },
    faultOf: (command) => {
      const met = faults.findLast((one) => one.left > 0 && one.fault.command === command);
      if (met !== undefined) met.left -= 1;
      met?.fault.before?.();
      return met?.fault;
    },
  };
  const server = createServer((socket) => {
    const session = new Session(state, socket);
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const session of sessions) session.end();
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    port,
    files,
    commands: state.commands,
    sessions: state.sessions,
    connections: state.connections,
    put: (path, content) => {
      puts += 1;
      const modifiedMs = Math.floor((Date.now() - 10 * HOUR_MS) / 1000 + puts) * 1000;
      files.set(path, { content: Buffer.from(content), modifiedMs });
    },
    add: (fault) => faults.push({ fault, left: fault.times ?? Infinity }),
    clear: () => {
      faults = [];
    },
    endAll: (reply) => {
      for (const session of sessions) session.end(reply);
    },
  };
}

interface FaultState {
  readonly options: FtpFaultServerOptions;
  readonly files: Map<string, FaultyFile>;
  readonly commands: string[];
  readonly sessions: string[][];
  readonly connections: { open: number; most: number };
  readonly faultOf: (command: string) => FtpFault | undefined;
}

/** One control connection. */
class Session {
  readonly #state: FaultState;
  readonly #commands: string[] = ['greeting'];
  #socket: Socket;
  #input = '';
  #directory = '/';
  #restart = 0;
  #user = '';
  #isSecure = false;
  #passive: Server | undefined;
  #data: Promise<Socket> | undefined;
  readonly #work: Promise<void>[] = [Promise.resolve()];

  constructor(state: FaultState, socket: Socket) {
    this.#state = state;
    this.#socket = socket;
    const { connections, options } = state;
    connections.open += 1;
    connections.most = Math.max(connections.most, connections.open);
    socket.on('close', () => {
      connections.open -= 1;
      this.end();
    });
    if (options.tls?.mode === 'implicit') this.#secure();
    this.#listen();
    state.commands.push('greeting');
    state.sessions.push(this.#commands);
    const isTooMany = connections.open > (options.maxConnections ?? Infinity);
    this.#queue(async () => {
      const fault = state.faultOf('greeting');
      if (await this.#met(fault)) return;
      if (isTooMany) this.end('421 Too many connections');
      else await this.#reply('220 Ready');
    });
  }

  end(reply?: string): void {
    if (reply !== undefined) this.#socket.write(`${reply}\r\n`);
    this.#socket.end();
    this.#passive?.close();
    if (reply === undefined) this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (chunk: Buffer) => {
      this.#input += chunk.toString('latin1');
      const lines = this.#input.split('\r\n');
      this.#input = lines.pop() ?? '';
      for (const line of lines) this.#queue(() => this.#execute(line));
    });
  }

  #secure(): void {
    const { certificate, key } = this.#state.options.tls ?? { certificate: '', key: '' };
    this.#socket = this.#asServer(this.#socket, certificate, key);
    this.#isSecure = true;
  }

  #asServer(socket: Socket, certificate: string, key: string): TLSSocket {
    socket.removeAllListeners('data');
    const context = createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) });
    return new TLSSocket(socket, { isServer: true, secureContext: context }).on('error', () => undefined);
  }

  #queue(work: () => Promise<void>): void {
    const before = this.#work[0] ?? Promise.resolve();
    this.#work[0] = before.then(work).catch(() => this.end());
  }

  async #reply(text: string): Promise<void> {
    const whole = `${text}\r\n`;
    if (this.#state.options.isSlow !== true) {
      this.#socket.write(whole, 'latin1');
      return;
    }
    for (const character of whole) {
      this.#socket.write(character, 'latin1');
      await sleep(1);
    }
  }

  /** Whether a fault was the answer. */
  async #met(fault: FtpFault | undefined): Promise<boolean> {
    if (fault?.hangs === true) await new Promise(() => undefined);
    if (fault?.strayReply !== undefined) {
      await this.#reply(fault.strayReply);
      await sleep(STRAY_MS);
    }
    if (fault?.closes === true) this.end();
    if (fault?.reply === undefined) return fault?.closes === true;
    await this.#reply(fault.reply);
    return true;
  }

  async #execute(line: string): Promise<void> {
    this.#state.commands.push(line);
    this.#commands.push(line);
    const [command = '', ...rest] = line.split(' ');
    const name = command.toUpperCase();
    const fault = this.#state.faultOf(name);
    const isTransfer = ['RETR', 'MLSD', 'LIST'].includes(name);
    if (await this.#met(fault)) return;
    if (this.#state.options.lacks?.includes(name) === true) await this.#reply('500 Unknown command');
    else if (isTransfer) await this.#transfer(name, this.#pathOf(rest.join(' ')), fault);
    else {
      const answer = await this.#answer(name, rest.join(' '));
      if (answer !== undefined) await this.#reply(answer);
    }
  }

  #pathOf(argument: string): string {
    if (argument === '' || argument === '-a') return this.#directory;
    return argument.startsWith('/') ? argument : `${this.#directory.replace(/\/$/, '')}/${argument}`;
  }

  async #answer(name: string, argument: string): Promise<string | undefined> {
    const { options, files } = this.#state;
    const path = this.#pathOf(argument);
    const file = files.get(path);
    switch (name) {
      case 'USER':
        this.#user = argument;
        return '331 Password';
      case 'PASS': {
        const { account } = options;
        const isRight =
          account === undefined || (this.#user === account.user && argument === account.password);
        return isRight ? '230 Logged in' : `530 Not logged in, ${this.#user}, with ${argument}`;
      }
      case 'FEAT': {
        const known = ['MLST type*;size*;modify*;', 'REST STREAM', 'SIZE', 'MDTM', 'EPSV', 'UTF8'];
        const lines = known.filter((one) => options.lacks?.includes(one.split(' ')[0] ?? '') !== true);
        return `211-Features\r\n${lines.map((one) => ` ${one}\r\n`).join('')}211 End`;
      }
      case 'AUTH': {
        if (options.tls?.mode !== 'explicit') return '502 No TLS';
        await this.#reply('234 Begin');
        this.#secure();
        this.#listen();
        return undefined;
      }
      case 'PWD':
        return '257 "/home/""ada""" is the directory';
      case 'REST':
        this.#restart = Number(argument);
        return `350 From ${argument} on`;
      case 'EPSV':
        return `229 Passive (|||${await this.#openPassive()}|)`;
      case 'PASV': {
        const port = await this.#openPassive();
        const host = (options.pasvAddress ?? '127.0.0.1').replaceAll('.', ',');
        return `227 Passive (${host},${port >> 8},${port & 255})`;
      }
      case 'MLST':
        if (file !== undefined) return `250-Here\r\n ${this.#facts(file)} ${path}\r\n250 End`;
        return this.#isDirectory(path) ? `250-Here\r\n type=dir; ${path}\r\n250 End` : '550 Nothing there';
      case 'SIZE':
        return file === undefined ? '550 No file' : `213 ${file.content.length}`;
      case 'MDTM':
        return file === undefined ? '550 No file' : `213 ${stamp(file.modifiedMs)}`;
      case 'CWD':
        if (!this.#isDirectory(path)) return '550 No directory';
        this.#directory = path;
        return '250 There';
      default:
        return '200 Fine';
    }
  }

  #facts({ content, modifiedMs }: FaultyFile): string {
    return `type=file;size=${content.length};modify=${stamp(modifiedMs)};`;
  }

  #isDirectory(path: string): boolean {
    return path === '/' || [...this.#state.files.keys()].some((one) => one.startsWith(`${path}/`));
  }

  async #openPassive(): Promise<number> {
    this.#passive?.close();
    const server = createServer().listen(0, '127.0.0.1');
    this.#passive = server;
    this.#data = once(server, 'connection').then(([socket]) => {
      server.close();
      return (socket as Socket).on('error', () => undefined);
    });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async #transfer(name: string, path: string, fault: FtpFault | undefined): Promise<void> {
    const start = this.#restart;
    this.#restart = 0;
    const file = this.#state.files.get(path);
    if (name === 'RETR' && file === undefined) return await this.#reply('550 No file');
    const content =
      name === 'RETR' ? (file?.content.subarray(start) ?? Buffer.alloc(0)) : this.#listing(name, path);
    const plain = await this.#data;
    if (plain === undefined) return await this.#reply('425 No data connection');
    await this.#reply('150 Here it comes');
    const { tls } = this.#state.options;
    const socket =
      this.#isSecure && tls !== undefined ? this.#asServer(plain, tls.certificate, tls.key) : plain;
    const data = this.#state.faultOf('data');
    if (data?.hangs === true) await new Promise(() => undefined);
    await send(socket, content, { ...fault, ...data });
    const isCut = (data ?? fault)?.cutAfterBytes !== undefined;
    const ending = this.#state.faultOf('end');
    if (!(await this.#met(ending))) await this.#reply(isCut ? '426 Cut' : '226 Done');
  }

  #listing(name: string, path: string): Buffer {
    const prefix = path === '/' ? '/' : `${path}/`;
    const lines = new Map<string, string>();
    for (const [its, file] of this.#state.files) {
      if (!its.startsWith(prefix)) continue;
      const [entry = '', ...below] = its.slice(prefix.length).split('/');
      const isDirectory = below.length > 0;
      const facts = isDirectory ? 'type=dir;' : this.#facts(file);
      const date = new Date(file.modifiedMs).toUTCString();
      const size = isDirectory ? 4096 : file.content.length;
      const listed = `${isDirectory ? 'd' : '-'}rw-r--r-- 1 a b ${size} ${date.slice(8, 11)} ${date.slice(5, 7)} ${date.slice(17, 22)}`;
      lines.set(entry, `${name === 'MLSD' ? facts : listed} ${entry}\r\n`);
    }
    return Buffer.from([...lines.values()].join(''), 'latin1');
  }
}

async function send(socket: Socket, content: Buffer, fault: Partial<FtpFault>): Promise<void> {
  const closed = once(socket, 'close').catch(() => undefined);
  const { cutAfterBytes = Infinity, drip, sends } = fault;
  const pieces = sends?.() ?? piecesOf(content, drip?.bytes ?? 256 * 1024);
  let sent = 0;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece as string);
    const passed = bytes.subarray(0, cutAfterBytes - sent);
    sent += passed.length;
    if (!socket.write(passed)) await Promise.race([closed, once(socket, 'drain').catch(() => undefined)]);
    if (passed.length < bytes.length || socket.destroyed) break;
    if (drip !== undefined) await sleep(drip.everyMs);
  }
  socket.end();
}

function* piecesOf(content: Buffer, bytes: number): Generator<Buffer> {
  for (let at = 0; at < content.length; at += bytes) yield content.subarray(at, at + bytes);
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:T]|\..*/g, '');
}
