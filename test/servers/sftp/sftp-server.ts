/** An SFTP server with files in memory, for faults that a real one cannot produce. SSH is that of ssh2. */
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

import type { ExecutionContext } from 'ava';
import ssh2, { type AuthContext } from 'ssh2';

import type { Awaitable } from '../../../src/awaitable.js';
import {
  packet,
  PacketReader,
  REPLY,
  REQUEST,
  STATUS,
  string,
  uint32,
} from '../../../src/source/schemes/sftp/packet.js';
import { temporaryDirectory } from '../../support/temp.js';
import { attributes, data, handle, names, type ServedFile, status } from './replies.js';

/** Of Debian's OpenSSH before version 9, and of ssh2. */
const ENTRIES_PER_REPLY = 100;

export interface SftpRequest {
  readonly id: number;
  readonly type: keyof typeof REQUEST;
  /** Of the request, or of the file that its handle is of. */
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** `hang`: no answer. `cut`: the connection is lost. */
export type Fault = Buffer | 'hang' | 'cut' | undefined;

export interface SftpServer {
  readonly host: string;
  readonly port: number;
  readonly knownHosts: string;
  /** By absolute path. */
  readonly files: Map<string, ServedFile>;
  readonly log: SftpRequest[];
  /** What was tried to log in, as `method user text`. */
  readonly logins: string[];
  /** TCP connections so far. */
  connections: number;
  /** READs that are not answered, and how many there were at once. */
  pendingReads: number;
  maxPendingReads: number;
  /** How much the client has let it send ahead at the most. */
  maxGrantedBytes: number;
  /** Before each answer: another one. */
  fault: (request: SftpRequest) => Awaitable<Fault>;
  login: (context: AuthContext) => boolean;
  /** `login` answers by the context where it returns true. */
  acceptsByItself: boolean;
  subsystem: 'served' | 'refused' | 'hangs';
  /** Another host key from now on. */
  changeHostKey(type?: 'ed25519' | 'rsa'): void;
  /** Cuts all connections. */
  cut(): void;
  countOf(type: keyof typeof REQUEST): number;
}

export interface SftpServerOptions {
  readonly keyType?: 'ed25519' | 'rsa';
  /** Extensions of the version. */
  readonly limits?: { readonly readBytes: number; readonly handles: number };
}

export async function startSftpServer(
  t: ExecutionContext,
  { keyType = 'ed25519', limits }: SftpServerOptions = {},
): Promise<SftpServer> {
  let hostKey = makeHostKey(keyType);
  const sockets = new Set<Socket>();
  const server: SftpServer = {
    host: '',
    port: 0,
    knownHosts: '',
    files: new Map([['/', { kind: 'directory' }]]),
    log: [],
    logins: [],
    connections: 0,
    pendingReads: 0,
    maxPendingReads: 0,
    maxGrantedBytes: 0,
    fault: () => undefined,
    login: acceptsAll,
    acceptsByItself: false,
    subsystem: 'served',
    changeHostKey: (type = 'ed25519') => {
      hostKey = makeHostKey(type);
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    countOf: (type) => server.log.filter((request) => request.type === type).length,
  };
  const listener = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    server.connections += 1;
    const ssh = new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
      client
        .on('error', () => undefined)
        .on('authentication', (context) => {
          const text = 'password' in context ? context.password : '';
          server.logins.push(`${context.method} ${context.username} ${text}`.trim());
          const isAccepted =
            server.login === acceptsAll || (context.method !== 'none' && server.login(context));
          if (!isAccepted) context.reject(['publickey', 'password', 'keyboard-interactive']);
          else if (!server.acceptsByItself) context.accept();
        })
        .on('session', (accept) => {
          accept().on('subsystem', (acceptSubsystem, rejectSubsystem) => {
            if (server.subsystem === 'refused') rejectSubsystem();
            if (server.subsystem === 'served') serve(server, acceptSubsystem(), socket, limits);
          });
        })
        .on('tcpip', (accept, _, { destPort }) => {
          const channel = accept();
          const target = new (socket.constructor as new () => Socket)().connect(destPort, '127.0.0.1');
          channel.pipe(target).pipe(channel);
          target.on('error', () => channel.destroy());
        });
    });
    ssh.injectSocket(socket);
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.cut();
    listener.close();
  });
  const { port } = listener.address() as { port: number };
  const knownHosts = join(await temporaryDirectory(t), 'known_hosts');
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${hostKey.public}\n`);
  return Object.assign(server, { port, host: `127.0.0.1:${port}`, knownHosts });
}

function acceptsAll(): boolean {
  return true;
}

function makeHostKey(type: 'ed25519' | 'rsa'): { readonly private: string; readonly public: string } {
  for (;;) {
    const made =
      type === 'rsa'
        ? ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 })
        : ssh2.utils.generateKeyPairSync('ed25519');
    // Of some keys, ssh2 writes what it cannot read.
    if (!(ssh2.utils.parseKey(made.private) instanceof Error)) return made;
  }
}

interface Opened {
  readonly path: string;
  /** Of a directory, what was not listed yet. */
  left: [string, ServedFile][];
}

function serve(
  server: SftpServer,
  channel: Duplex,
  socket: Socket,
  limits: SftpServerOptions['limits'],
): void {
  const opened: Opened[] = [];
  let received = Buffer.alloc(0);
  channel
    .on('error', () => undefined)
    .on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const end = 4 + received.readUInt32BE(0);
        void answer(received.subarray(4, end));
        received = received.subarray(end);
      }
    });

  async function answer(bytes: Buffer): Promise<void> {
    const type = nameOf(bytes[0] ?? 0);
    const reader = new PacketReader(bytes.subarray(1));
    if (type === 'INIT') {
      const extension = limits === undefined ? [] : ['limits@openssh.com', '1'];
      const fields = extension.map((text) => string(Buffer.from(text)));
      channel.write(packet(REPLY.VERSION, undefined, uint32(3), ...fields));
      return;
    }
    const id = reader.uint32();
    const text = reader.string();
    const isOfHandle = ['READ', 'CLOSE', 'FSTAT', 'READDIR'].includes(type);
    const open = isOfHandle ? opened[text.readUInt32BE(0)] : undefined;
    const [offset, length] = type === 'READ' ? [reader.uint64(), reader.uint32()] : [0, 0];
    const request = { id, type, path: open?.path ?? text.toString(), offset, length };
    server.log.push(request);
    // ssh2 does not show it.
    const { outgoing } = channel as unknown as { readonly outgoing: { readonly window: number } };
    server.maxGrantedBytes = Math.max(server.maxGrantedBytes, outgoing.window);
    if (type === 'READ') {
      server.pendingReads += 1;
      server.maxPendingReads = Math.max(server.maxPendingReads, server.pendingReads);
    }
    const fault = await server.fault(request);
    if (fault === 'hang') return;
    if (type === 'READ') server.pendingReads -= 1;
    if (fault === 'cut') socket.destroy();
    else channel.write(fault ?? replyTo(request, open));
  }

  function replyTo(request: SftpRequest, open: Opened | undefined): Buffer {
    const { id, type, path, offset, length } = request;
    const file = type === 'LSTAT' ? server.files.get(path) : resolved(server.files, path);
    switch (type) {
      case 'LSTAT':
      case 'STAT':
      case 'FSTAT':
        return file === undefined ? status(id, STATUS.NO_SUCH_FILE) : attributes(id, file);
      case 'OPEN':
      case 'OPENDIR': {
        if (file === undefined || (type === 'OPENDIR' && file.kind !== 'directory'))
          return status(id, STATUS.NO_SUCH_FILE);
        const prefix = path === '/' ? '/' : `${path}/`;
        const left = [...server.files]
          .filter(
            ([name]) => name !== '/' && name.startsWith(prefix) && !name.slice(prefix.length).includes('/'),
          )
          .map(([name, entry]): [string, ServedFile] => [name.slice(prefix.length), entry]);
        opened.push({ path, left: [['.', { kind: 'directory' }], ['..', { kind: 'directory' }], ...left] });
        return handle(id, opened.length - 1);
      }
      case 'READ': {
        const bytes = file?.content?.subarray(offset, offset + length) ?? Buffer.alloc(0);
        return bytes.length === 0 ? status(id, STATUS.EOF) : data(id, bytes);
      }
      case 'READDIR': {
        const entries = open?.left.splice(0, ENTRIES_PER_REPLY) ?? [];
        return entries.length === 0 ? status(id, STATUS.EOF) : names(id, entries);
      }
      case 'REALPATH':
        return names(id, [[realPath(server.files, path), { kind: 'file' }]]);
      case 'EXTENDED': {
        const numbers = [262_144, limits?.readBytes ?? 0, 261_120, limits?.handles ?? 0];
        const bytes = Buffer.alloc(32);
        for (const [i, number] of numbers.entries()) bytes.writeBigUInt64BE(BigInt(number), i * 8);
        return packet(REPLY.EXTENDED_REPLY, id, bytes);
      }
      case 'CLOSE':
        return status(id, STATUS.OK);
      case 'INIT':
        return status(id, STATUS.FAILURE);
    }
  }
}

function nameOf(type: number): keyof typeof REQUEST {
  const [name] = Object.entries(REQUEST).find(([, number]) => number === type) ?? [];
  if (name === undefined) throw new Error(`a request of type ${type}`);
  return name as keyof typeof REQUEST;
}

/** Links are absolute, and may stand anywhere in a path. */
function realPath(files: ReadonlyMap<string, ServedFile>, path: string): string {
  let real = '';
  for (const name of path.split('/').filter((part) => part !== '')) {
    const file = files.get(`${real}/${name}`);
    real = file?.kind === 'link' ? (file.target ?? '/').replace(/\/$/, '') : `${real}/${name}`;
  }
  return real === '' ? '/' : real;
}

function resolved(files: ReadonlyMap<string, ServedFile>, path: string): ServedFile | undefined {
  return files.get(realPath(files, path));
}
