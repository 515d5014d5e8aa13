/**
 * What nginx does not do: lists its directory as a bucket, generates names, and is distant.
 * Run: node server.js ROOT NGINX_PORT OBJECTS; prints the ports of the first two and of the last.
 */
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [root = '', nginxPort = '', objects = ''] = process.argv.slice(2);

/** The objects that there are besides those of ROOT. */
const GENERATED = 'generated/';
const listed = new Map<string, { readonly mtimeMs: number; readonly keys: readonly string[] }>();
const entries = new Map<string, string>();

/** Below a directory, up to the next slash, in order. */
function keysOf(directory: string): readonly string[] {
  const mtimeMs = directory === GENERATED ? 0 : statSync(join(root, directory)).mtimeMs;
  const known = listed.get(directory);
  if (known?.mtimeMs === mtimeMs) return known.keys;
  const keys =
    directory === GENERATED
      ? Array.from({ length: Number(objects) }, (_, i) => `${GENERATED}${String(i).padStart(8, '0')}.bin`)
      : readdirSync(join(root, directory), { withFileTypes: true }).map((entry) =>
          entry.isFile() ? directory + entry.name : `${directory}${entry.name}/`,
        );
  if (directory === '') keys.push(GENERATED);
  keys.sort();
  listed.set(directory, { mtimeMs, keys });
  return keys;
}

/** Files of ROOT do not change. */
function entryOf(key: string): string {
  if (key.endsWith('/')) return `<CommonPrefixes><Prefix>${key}</Prefix></CommonPrefixes>`;
  const isGenerated = key.startsWith(GENERATED);
  const known = entries.get(key);
  if (known !== undefined) return known;
  const { size, mtimeMs } = isGenerated ? { size: 4096, mtimeMs: 1.7e12 } : statSync(join(root, key));
  const mtimeS = Math.floor(mtimeMs / 1000);
  const modified = new Date(mtimeS * 1000).toISOString();
  // As nginx answers.
  const etag = `&quot;${mtimeS.toString(16)}-${size.toString(16)}&quot;`;
  const entry = `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>${etag}</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  if (!isGenerated) entries.set(key, entry);
  return entry;
}

/** A page of ListObjectsV2; the token is the index of its first key. */
function list(query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('start-after') ?? '';
  const directory = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const all = keysOf(directory);
  const isAll = prefix === directory && after === '';
  const keys = isAll ? all : all.filter((key) => key.startsWith(prefix) && key > after);
  const from = Number(query.get('continuation-token') ?? 0);
  const to = Math.min(keys.length, from + Math.min(1000, Number(query.get('max-keys') ?? 1000)));
  const isTruncated = to < keys.length;
  const next = isTruncated ? `<NextContinuationToken>${to}</NextContinuationToken>` : '';
  const found = keys.slice(from, to).map(entryOf).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>${prefix}</Prefix><KeyCount>${to - from}</KeyCount><MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>${isTruncated}</IsTruncated>${next}${found}</ListBucketResult>`;
}

const near = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://server');
  response.setHeader('content-type', 'application/xml');
  try {
    response.end(list(url.searchParams));
  } catch {
    response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
  }
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
