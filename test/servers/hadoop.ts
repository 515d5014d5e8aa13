/** Hadoop's own name nodes and data nodes (`test/servers/hadoop/MiniCluster.java`). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { temporaryDirectory } from '../support/temp.js';

/** For `testWith`. */
export const HADOOP = 'hadoop/classes/MiniCluster.class';
/** Who started it, to whom nothing is forbidden. */
const SUPERUSER = 'hdfs';

export interface Hadoop {
  /** `http://127.0.0.1:port/`, the active one first. */
  readonly nameNodes: readonly [URL, URL];
  put(path: string, content: Uint8Array | string): Promise<void>;
  /** An empty file, by the first name node: with less work than `put`. */
  readonly touch: (path: string) => Promise<void>;
  setPermission(path: string, permission: string): Promise<void>;
  stop(nameNode: 0 | 1): Promise<void>;
  stopDataNode(dataNode: 0 | 1): Promise<void>;
  activate(nameNode: 0 | 1): Promise<void>;
}

/** `program`: the path of `HADOOP`. */
export async function startHadoop(t: ExecutionContext, program: string): Promise<Hadoop> {
  const directory = await temporaryDirectory(t);
  const tool = join(program, '../..');
  const child = spawn(
    'java',
    [
      '-Xmx512m',
      // Killed, it leaves there what its HTTP servers unpacked.
      `-Djava.io.tmpdir=${directory}`,
      '-cp',
      `${tool}/lib/*:${tool}/classes`,
      'MiniCluster',
      join(directory, 'data'),
    ],
    {
      cwd: directory,
      env: { ...process.env, HADOOP_USER_NAME: SUPERUSER },
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const [, first = '', second = ''] = (await lineOf(lines, 'ready')).split(' ');
  const nameNodes = [first, second].map((port) => new URL(`http://127.0.0.1:${port}/`)) as [URL, URL];
  let active: 0 | 1 = 0;
  const send = async (
    path: string,
    query: string,
    method: string,
    body?: Uint8Array | string,
  ): Promise<void> => {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const url = `${nameNodes[active].href}webhdfs/v1/${encoded}?user.name=${SUPERUSER}&${query}`;
    const answer = await exchange(url, method, undefined);
    const { location } = answer;
    // It composes what is decomposed.
    const place =
      location === undefined
        ? undefined
        : Object.assign(new URL(location), { pathname: `/webhdfs/v1/${encoded}` });
    const { status, text } = place === undefined ? answer : await exchange(place.href, method, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  };
  const command = async (line: string): Promise<void> => {
    child.stdin.write(`${line}\n`);
    await lineOf(lines, `done ${line}`);
  };
  return {
    nameNodes,
    put: (path, content) => send(path, 'op=CREATE&overwrite=true', 'PUT', content),
    touch: (path) => command(`touch ${encodeURIComponent(`/${path}`)}`),
    setPermission: (path, permission) => send(path, `op=SETPERMISSION&permission=${permission}`, 'PUT'),
    stop: (node) => command(`stop ${node}`),
    stopDataNode: (node) => command(`stopdata ${node}`),
    activate: async (node) => {
      await command(`active ${node}`);
      active = node;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

/** A data node says `100 Continue` to each client that sends a body, which `fetch` refuses. */
async function exchange(url: string, method: string, body: Uint8Array | string | undefined): Promise<Answer> {
  const sent = request(url, { method, agent: false }).end(body);
  const [message] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += chunk as string;
  return { status: message.statusCode ?? 0, location: message.headers.location, text };
}

type Lines = AsyncIterator<string>;

async function lineOf(lines: Lines, begin: string): Promise<string> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done === true) throw new Error('the cluster has ended');
    if (value.startsWith('failed ')) throw new Error(value);
    if (value.startsWith(begin)) return value;
  }
}
