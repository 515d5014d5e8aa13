/** What clients rely on of a dfdaemon. The real one must pass the checks, and the fake one too. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, type IncomingMessage, request as sendRequest } from 'node:http';
import { join } from 'node:path';

import type { ExecutionContext, ImplementationFn } from 'ava';

import { type Nginx, startNginx } from './nginx.js';
import { temporaryDirectory } from './temp.js';

const MiB = 1024 * 1024;
const BYTES = randomBytes(25 * MiB + 17);

export interface CheckedDfdaemon {
  /** The address of the proxy. */
  readonly origin: string;
  traffic(): Promise<{ readonly source: number; readonly peers: number }>;
  /** What it writes down of requests. */
  log(): Promise<string>;
  readonly kill: () => Promise<void>;
}

export interface CheckedCluster {
  readonly a: CheckedDfdaemon;
  readonly b: CheckedDfdaemon;
}

type Declare = (title: string, body: ImplementationFn<[]>) => void;

/** `start` makes a cluster of two nodes without content, that wait so long for a piece of a parent. */
export function checkDfdaemon(
  declare: Declare,
  start: (t: ExecutionContext, collectedPieceTimeoutS: number) => Promise<CheckedCluster>,
): void {
  const check = (
    title: string,
    run: (t: ExecutionContext, set: CheckedSet) => Promise<void>,
    collectedPieceTimeoutS = 60,
  ): void => {
    declare(title, async (t) => {
      await run(t, { ...(await start(t, collectedPieceTimeoutS)), ...(await startOrigin(t)) });
    });
  };

  check('nodes share what one of them downloads; the id is of the content field alone', async (t, set) => {
    const { a, b, nginx, url } = set;
    const field = { 'X-Dragonfly-Content-For-Calculating-Task-ID': 'one' };
    const both = [await get(a, `${url}?x=1`, field), await get(b, `${url}?x=2`, field)];
    for (const { status, body, header } of both) {
      t.is(status, 200);
      t.true(body.equals(BYTES));
      t.is(header['content-length'], String(BYTES.byteLength));
      t.is(header['x-dragonfly-task-id'], both[0]?.header['x-dragonfly-task-id']);
    }
    t.deepEqual(await b.traffic(), { source: 0, peers: BYTES.byteLength });
    const log = await nginx.accessLog();
    t.deepEqual(
      log.filter(({ uri }) => uri.endsWith('x=2')).map(({ range }) => range),
      ['bytes=0-0'],
    );
    t.is(
      log.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
      BYTES.byteLength + 2,
    );
  });

  check('nodes that begin at once share it too', async (t, { a, b, nginx, slowUrl }) => {
    const both = await Promise.all([get(a, slowUrl), get(b, slowUrl)]);
    for (const { body } of both) t.true(body.equals(BYTES));
    t.is(
      (await nginx.accessLog()).reduce((sum, { bytesSent }) => sum + bytesSent, 0),
      BYTES.byteLength + 2,
    );
  });

  check(
    'a known task is answered without the origin, with the header of its first request',
    async (t, set) => {
      const { a, nginx, url, replace } = set;
      const first = await get(a, url);
      t.is(first.header['x-dragonfly-task-download-finished'], undefined);
      await replace(randomBytes(100));
      const { length } = await nginx.accessLog();
      const second = await get(a, url, { Range: 'bytes=10-19' });
      t.is(second.status, 206);
      t.is(second.header['content-range'], `bytes 10-19/${BYTES.byteLength}`);
      t.is(second.header.etag, first.header.etag);
      t.is(second.header['x-dragonfly-task-download-finished'], 'true');
      t.true(second.body.equals(BYTES.subarray(10, 20)));
      t.is((await nginx.accessLog()).length, length);
    },
  );

  check('small ranges come from the source, and no other node has part in them', async (t, { a, b, url }) => {
    for (const node of [a, b]) {
      const { body } = await get(node, url, { Range: `bytes=${5 * MiB}-${5 * MiB + 9}` });
      t.true(body.equals(BYTES.subarray(5 * MiB, 5 * MiB + 10)));
      t.deepEqual(await node.traffic(), { source: 4 * MiB, peers: 0 });
    }
  });

  check(
    'a node waits for a piece that its parent does not fetch',
    async (t, { a, b, slowerUrl }) => {
      const of = get(a, slowerUrl, { Range: `bytes=0-${9 * MiB - 1}` });
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
      const beganMs = performance.now();
      const { body } = await get(b, slowerUrl, { Range: `bytes=${16 * MiB}-` });
      t.true(performance.now() - beganMs > 1_000);
      t.true(body.equals(BYTES.subarray(16 * MiB)));
      t.true((await of).body.equals(BYTES.subarray(0, 9 * MiB)));
      t.deepEqual(await b.traffic(), { source: BYTES.byteLength - 16 * MiB, peers: 0 });
    },
    1,
  );

  check('all fields reach the origin, and are written down', async (t, { a, url, nginx }) => {
    const changed = await get(a, url, { 'If-Match': '"other"', Authorization: 'Bearer of-a-user' });
    t.is(errorOf(changed), '412 backend 0');
    t.true((await a.log()).includes('of-a-user'));
    // A task that failed begins anew.
    t.is((await get(a, url)).status, 200);
    t.deepEqual(
      (await nginx.accessLog()).slice(0, 2).map(({ status }) => status),
      [412, 206],
    );
  });

  check('errors have a type', async (t, { a, url, nginx, withoutRangesUrl }) => {
    t.is(errorOf(await get(a, `${nginx.origin}/missing`)), '404 backend 0');
    t.is(errorOf(await get(a, url, { Range: `bytes=${BYTES.byteLength}-` })), '500 dfdaemon 0');
    t.is(errorOf(await get(a, withoutRangesUrl)), '200 backend 0');
    await nginx.kill();
    t.is(errorOf(await get(a, `${nginx.origin}/b.bin`)), '500 backend 0');
  });

  check('other requests go to the origin as they are', async (t, { a, url }) => {
    const passed = await get(a, url, { 'X-Dragonfly-Use-P2P': 'false', Range: 'bytes=1-2' });
    t.is(passed.status, 206);
    t.true(passed.body.equals(BYTES.subarray(1, 3)));
    t.is(passed.header['x-dragonfly-task-id'], undefined);
  });

  check('a killed node refuses connections, and others go to the source', async (t, { a, b, url }) => {
    await get(a, url);
    await a.kill();
    await t.throwsAsync(get(a, url), { code: 'ECONNREFUSED' });
    t.true((await get(b, url)).body.equals(BYTES));
    t.deepEqual(await b.traffic(), { source: BYTES.byteLength, peers: 0 });
  });
}

interface CheckedSet extends CheckedCluster {
  readonly nginx: Nginx;
  readonly url: string;
  /** The same bytes, 8 MiB/s on each connection. */
  readonly slowUrl: string;
  /** 3 MiB/s. */
  readonly slowerUrl: string;
  readonly withoutRangesUrl: string;
  readonly replace: (bytes: Buffer) => Promise<void>;
}

async function startOrigin(t: ExecutionContext): Promise<Omit<CheckedSet, 'a' | 'b'>> {
  const root = await temporaryDirectory(t);
  const path = join(root, 'a.bin');
  await writeFile(path, BYTES);
  const nginx = await startNginx(t, {
    root,
    serverDirectives: `
      location /slow/ { alias ${root}/; limit_rate 8m; }
      location /slower/ { alias ${root}/; limit_rate 3m; }
      location /without-ranges/ { alias ${root}/; max_ranges 0; }`,
  });
  return {
    nginx,
    url: `${nginx.origin}/a.bin`,
    slowUrl: `${nginx.origin}/slow/a.bin`,
    slowerUrl: `${nginx.origin}/slower/a.bin`,
    withoutRangesUrl: `${nginx.origin}/without-ranges/a.bin`,
    replace: (bytes) => writeFile(path, bytes),
  };
}

export interface Got {
  readonly status: number;
  readonly header: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the body came to its end. */
  readonly isWhole: boolean;
}

/** A GET by P2P, unless the header says otherwise. */
export async function get(
  node: Pick<CheckedDfdaemon, 'origin'>,
  url: string,
  header: Readonly<Record<string, string>> = {},
): Promise<Got> {
  const { hostname, port } = new URL(node.origin);
  const headers = { 'X-Dragonfly-Use-P2P': 'true', ...header };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sendRequest({ hostname, port, path: url, headers, agent: false }, resolve).on('error', reject).end();
  });
  const chunks: Buffer[] = [];
  let isWhole = true;
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch {
    isWhole = false;
  }
  return { status: answer.statusCode ?? 0, header: answer.headers, body: Buffer.concat(chunks), isWhole };
}

function errorOf({ status, header, body }: Got): string {
  return `${status} ${String(header['x-dragonfly-error-type'])} ${body.byteLength}`;
}
