/**
 * What nginx does not do: lists its directory, and generated names, as a bucket; and is distant.
 * Run: node server.js ROOT NGINX_PORT OBJECTS; prints the two ports.
 */
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [root = '', nginxPort = '', objects = ''] = process.argv.slice(2);

interface Entry {
  readonly key: string;
  /** Undefined: a prefix. */
  readonly file?: { readonly size: number; readonly mtimeMs: number };
}

/** The objects that there are besides those of ROOT. */
const GENERATED = 'generated/';
const generated = (_: unknown, i: number): Entry => {
  return { key: `${GENERATED}${String(i).padStart(8, '0')}.bin`, file: { size: 4096, mtimeMs: 1.7e12 } };
};
const listed = new Map<string, readonly Entry[]>();

/** Below a directory, up to the next slash, in order. Directories below ROOT are complete when they are listed first. */
function entriesOf(directory: string): readonly Entry[] {
  const known = directory === '' ? undefined : listed.get(directory);
  if (known !== undefined) return known;
  const entries =
    directory === GENERATED
      ? Array.from({ length: Number(objects) }, generated)
      : readdirSync(join(root, directory)).map((name): Entry => {
          const stat = statSync(join(root, directory, name));
          return stat.isFile() ? { key: directory + name, file: stat } : { key: `${directory}${name}/` };
        });
  if (directory === '') entries.push({ key: GENERATED });
  entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  listed.set(directory, entries);
  return entries;
}

function xmlOf({ key, file }: Entry): string {
  if (file === undefined) return `<CommonPrefixes><Prefix>${key}</Prefix></CommonPrefixes>`;
  const seconds = Math.floor(file.mtimeMs / 1000);
  // As nginx answers.
  const etag = `&quot;${seconds.toString(16)}-${file.size.toString(16)}&quot;`;
  const modified = new Date(seconds * 1000).toISOString();
  return `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>${etag}</ETag><Size>${file.size}</Size></Contents>`;
}

/** A page of ListObjectsV2; the token is the index of its first key. */
function list(query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('start-after') ?? '';
  const directory = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const all = entriesOf(directory);
  const isAll = prefix === directory && after === '';
  const entries = isAll ? all : all.filter(({ key }) => key.startsWith(prefix) && key > after);
  const from = Number(query.get('continuation-token') ?? 0);
  const to = Math.min(entries.length, from + Math.min(1000, Number(query.get('max-keys') ?? 1000)));
  const next = to < entries.length ? `<NextContinuationToken>${to}</NextContinuationToken>` : '';
  const found = entries.slice(from, to).map(xmlOf).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>${prefix}</Prefix><KeyCount>${to - from}</KeyCount><MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>${next !== ''}</IsTruncated>${next}${found}</ListBucketResult>`;
}

const near = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://server');
  let body = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
  try {
    body = list(searchParams);
  } catch {
    // There is no such directory, and so no object.
  }
  response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
});

const DELAY_MS = 50;
const BYTES_PER_SECOND = 20e6;
const agent = new Agent({ keepAlive: true });
/** When a connection may carry its next byte, in ms of `performance.now()`. */
const freeAtMs = new WeakMap<Socket, number>();

/** Answers as nginx does, DELAY_MS later, and no faster than BYTES_PER_SECOND for each connection. */
async function answerSlowly(from: IncomingMessage, to: ServerResponse): Promise<void> {
  await sleep(DELAY_MS);
  const { url: path, method, headers } = from;
  const forwarded = request({ host: '127.0.0.1', port: nginxPort, path, method, headers, agent }).end();
  const [response] = (await once(forwarded, 'response')) as [IncomingMessage];
  to.writeHead(response.statusCode ?? 500, response.headers);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const startMs = Math.max(performance.now(), freeAtMs.get(from.socket) ?? 0);
    freeAtMs.set(from.socket, startMs + (chunk.length / BYTES_PER_SECOND) * 1000);
    // A late timer is made up for by the next ones.
    if (startMs - performance.now() >= 1) await sleep(startMs - performance.now());
    if (to.destroyed) return;
    if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
  }
  to.end();
}

const far = createServer((from, to) => void answerSlowly(from, to).catch(() => to.destroy()));

async function listen(server: Server): Promise<number> {
  server.keepAliveTimeout = 60_000;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
console.log(`${await listen(near)} ${await listen(far)}`);
