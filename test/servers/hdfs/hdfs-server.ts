/**
 * WebHDFS from memory: two name nodes and one data node, as the "WebHDFS REST API" of Hadoop documents them and as those of 3.4
 * answer. A name node redirects OPEN to the data node, which answers any range with 200 and closes the connection.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

import type { ExecutionContext } from 'ava';

import { type AccessEntry, type Address, answerOr400, listenOnLoopback } from '../listen.js';
import { type Inode, Inodes } from './inodes.js';

/** By exception: the status of Hadoop's ExceptionHandler; 403 for whatever is an IOException. */
const STATUS: Readonly<Record<string, number>> = {
  FileNotFoundException: 404,
  IllegalArgumentException: 400,
  UnsupportedOperationException: 400,
  SecurityException: 401,
  AuthenticationException: 401,
  RuntimeException: 500,
};

interface Wished {
  readonly exception: string;
  readonly message: string;
  readonly part: string;
  readonly at: 'name' | 'data';
  left: number;
}

type Row = Readonly<Record<string, unknown>> & { readonly pathSuffix: string };

interface RefusalOptions {
  readonly message?: string;
  readonly part?: string;
  readonly times?: number;
  readonly at?: 'name' | 'data';
}

interface HdfsRequest {
  /** 0 and 1; undefined: the data node. */
  readonly node: number | undefined;
  readonly path: string;
  readonly query: URLSearchParams;
}

class RemoteException extends Error {
  readonly exception: string;
  constructor(exception: string, message: string) {
    super(message);
    this.exception = exception;
  }
}

export class HdfsServer {
  readonly files = new Inodes();
  /** Undefined: both are in standby. */
  active: number | undefined = 0;
  isInSafeMode = false;
  /** Of a listing. */
  pageSize = 1_000;
  /** HttpFS before Hadoop 3: no LISTSTATUS_BATCH, no ids of files, and OPEN is answered at once, perhaps in chunks. */
  isHttpFs = false;
  /** So many bytes more than HttpFS should send. */
  lengthError = 0;
  /** The delegation token that is demanded; undefined: none, who asks is `user.name`. */
  token: string | undefined;
  /** In the URL of a data node. */
  readonly blockToken = 'block-token';
  /** What redirects name; default: the data node itself. */
  dataHost: string | undefined;
  /** What redirects name where that one is left out. Default: there is no replica. */
  replicaHost: string | undefined;
  dataScheme = 'http';
  /** As they came. */
  readonly users: (string | null)[] = [];
  readonly log: AccessEntry[] = [];
  readonly dataLog: AccessEntry[] = [];
  #wished: Wished[] = [];

  /** Refuses the next requests, by default all, whose decoded path and query contain `part`. */
  refuse(
    exception: string,
    { message = 'the test server says so', part = '', times = Infinity, at = 'name' }: RefusalOptions = {},
  ): void {
    this.#wished.push({ exception, message, part, at, left: times });
  }

  relent(): void {
    this.#wished = [];
  }

  handle(message: IncomingMessage, response: ServerResponse, node: number | undefined, origin: string): void {
    const [rawPath = '', query = ''] = (message.url ?? '').split('?');
    if (!rawPath.startsWith('/webhdfs/v1')) {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<h2>HTTP ERROR 404 Not Found</h2>');
      return;
    }
    const path = decodeURIComponent(rawPath.slice('/webhdfs/v1'.length));
    const request = { node, path, query: new URLSearchParams(query) };
    try {
      this.#check(request);
      if (node === undefined) this.#read(response, request);
      else this.#answer(response, request, origin);
    } catch (error) {
      if (!(error instanceof RemoteException)) throw error;
      refuse(response, error);
    }
  }

  #check({ node, path, query }: HdfsRequest): void {
    const at = node === undefined ? 'data' : 'name';
    const text = `${path}?${query.toString()}`;
    const wished = this.#wished.find((one) => one.left > 0 && one.at === at && text.includes(one.part));
    if (wished !== undefined) {
      wished.left -= 1;
      throw new RemoteException(wished.exception, wished.message);
    }
    if (node === undefined) {
      if (this.token !== undefined && query.get('delegation') !== this.blockToken)
        throw new RemoteException('InvalidToken', 'token is not for this block');
      return;
    }
    this.users.push(query.get('user.name'));
    if (this.token !== undefined && query.get('delegation') !== this.token)
      throw new RemoteException('InvalidToken', `token (${query.get('delegation')}) can't be found in cache`);
    if (node !== this.active)
      throw new RemoteException(
        'StandbyException',
        'Operation category READ is not supported in state standby',
      );
    if (this.isInSafeMode) throw new RemoteException('RetriableException', 'Name node is in safe mode.');
  }

  #answer(response: ServerResponse, request: HdfsRequest, origin: string): void {
    const { path, query } = request;
    const op = query.get('op') ?? '';
    if (op === 'GETFILESTATUS') sendJson(response, { FileStatus: this.#status('', this.#find(path)) });
    else if (op === 'LISTSTATUS') sendJson(response, { FileStatuses: { FileStatus: this.#statuses(path) } });
    else if (op === 'LISTSTATUS_BATCH' && !this.isHttpFs) sendJson(response, this.#page(path, query));
    else if (op === 'OPEN') this.#open(response, request, origin);
    else throw new RemoteException('IllegalArgumentException', `${op} is not a valid GET operation.`);
  }

  #open(response: ServerResponse, request: HdfsRequest, origin: string): void {
    const { path, query } = request;
    const inode = this.#find(path);
    const offset = Number(query.get('offset') ?? 0);
    const size = inode.bytes.length;
    if (inode.kind === 'FILE' && offset >= size && size > 0)
      throw new RemoteException(
        'IOException',
        `Offset=${offset} out of the range [0, ${size}); OPEN, path=${path}`,
      );
    const isLeftOut = query.get('excludedatanodes') !== null;
    if (isLeftOut && this.replicaHost === undefined)
      throw new RemoteException('IOException', 'No active nodes contain this block');
    if (this.isHttpFs) {
      this.#read(response, request);
      return;
    }
    const sent = new URLSearchParams(query);
    sent.delete('user.name');
    sent.delete('delegation');
    if (this.token !== undefined) sent.set('delegation', this.blockToken);
    sent.set('namenoderpcaddress', 'localhost:8020');
    // Java composes what is decomposed.
    const place = `/webhdfs/v1${path.normalize().split('/').map(encodeURIComponent).join('/')}?${sent.toString()}`;
    const host = isLeftOut ? this.replicaHost : this.dataHost;
    const target = host === undefined ? origin : `${this.dataScheme}://${host}`;
    response.writeHead(307, { location: `${target}${place}`, 'content-length': 0 }).end();
  }

  /** What a data node does: it opens the file by its path, as it is then. */
  #read(response: ServerResponse, { path, query }: HdfsRequest): void {
    const inode = this.#find(path);
    if (inode.kind === 'DIRECTORY')
      throw new RemoteException('FileNotFoundException', `Path is not a file: ${path}`);
    const offset = Number(query.get('offset') ?? 0);
    const length = Number(query.get('length') ?? Infinity);
    const bytes = inode.bytes.subarray(offset, offset + length + this.lengthError);
    response.setHeader('content-type', 'application/octet-stream');
    if (this.isHttpFs) {
      response.writeHead(200).write(bytes.subarray(0, 1));
      response.end(bytes.subarray(1));
      return;
    }
    response.writeHead(200, { connection: 'close', 'content-length': bytes.length }).end(bytes);
  }

  #page(path: string, query: URLSearchParams): object {
    const after = Buffer.from(query.get('startAfter') ?? '');
    const statuses = this.#statuses(path).filter(
      ({ pathSuffix }) => after.length === 0 || Buffer.from(pathSuffix).compare(after) > 0,
    );
    const page = statuses.slice(0, this.pageSize);
    return {
      DirectoryListing: {
        partialListing: { FileStatuses: { FileStatus: page } },
        remainingEntries: statuses.length - page.length,
      },
    };
  }

  #statuses(path: string): Row[] {
    const inode = this.#find(path);
    if (inode.kind === 'FILE') return [this.#status('', inode)];
    const names = [...inode.children.keys()].toSorted((a, b) => Buffer.from(a).compare(Buffer.from(b)));
    return names.flatMap((name) => {
      const child = inode.children.get(name);
      return child === undefined ? [] : [this.#status(name, child)];
    });
  }

  #status(pathSuffix: string, inode: Inode): Row {
    const { id, kind, bytes, modifiedMs, mode, children } = inode;
    return {
      accessTime: 0,
      blockSize: 134_217_728,
      childrenNum: children.size,
      ...(this.isHttpFs ? {} : { fileId: id }),
      group: 'supergroup',
      length: bytes.length,
      modificationTime: modifiedMs,
      owner: 'hdfs',
      pathSuffix,
      permission: mode.toString(8),
      replication: 1,
      type: kind,
    };
  }

  #find(path: string): Inode {
    const found = this.files.find(path);
    if (found === 'missing')
      throw new RemoteException('FileNotFoundException', `File does not exist: ${path}`);
    if (found === 'not a directory')
      throw new RemoteException('AccessControlException', `${path} (is not a directory)`);
    return found;
  }
}

export interface RunningHdfsServer {
  readonly server: HdfsServer;
  readonly nameNodes: readonly [Address, Address];
  readonly dataNode: Address;
  /** Ends a name node: its port refuses connections. */
  readonly stop: (nameNode: number) => Promise<void>;
}

/** `tls`: paths of a certificate's PEM and its key's, for https at all nodes. */
export async function startHdfsServer(
  t: Pick<ExecutionContext, 'teardown'>,
  tls?: { readonly cert: Buffer; readonly key: Buffer },
): Promise<RunningHdfsServer> {
  const server = new HdfsServer();
  let dataOrigin = '';
  const make = (node: number | undefined): Server => {
    const handle = (message: IncomingMessage, response: ServerResponse): void =>
      answerOr400(response, () => server.handle(message, response, node, dataOrigin));
    return tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  };
  const servers = [make(0), make(1)] as const;
  const listen = async (one: Server, log: AccessEntry[]): Promise<Address> => {
    const address = await listenOnLoopback(t, one, log);
    return tls === undefined ? address : { ...address, origin: address.origin.replace('http:', 'https:') };
  };
  const dataNode = await listen(make(undefined), server.dataLog);
  dataOrigin = dataNode.origin;
  return {
    server,
    nameNodes: [await listen(servers[0], server.log), await listen(servers[1], server.log)],
    dataNode,
    stop: async (node) => {
      const one = servers[node];
      one?.closeAllConnections();
      await new Promise((resolve) => one?.close(resolve));
    },
  };
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  // In chunks, as the real one.
  const text = JSON.stringify(value);
  response.write(text.slice(0, 10));
  response.end(text.slice(10));
}

function refuse(response: ServerResponse, { exception, message }: RemoteException): void {
  const javaClassName = `org.apache.hadoop.${exception}`;
  response.writeHead(STATUS[exception] ?? 403, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ RemoteException: { exception, javaClassName, message } }));
}
