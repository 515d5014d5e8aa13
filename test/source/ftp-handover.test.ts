/** ftp where reads hand transfers on, and several want the few sessions of a server. */
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { bodyReader } from '../../src/source/body-reader.js';
import { Request, type Validators } from '../../src/source/request.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { assertCode, assertSame, read, stat, validatorsOf } from '../support/conformance/reading.js';
import { ftpClient, type FtpClientOptions } from '../support/ftp-client.js';
import {
  type FtpFaultServer,
  type FtpFaultServerOptions,
  startFtpFaultServer,
} from '../support/ftp-fault-server.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

const FILE_BYTES = 1_000_000;

interface Files {
  readonly server: FtpFaultServer;
  readonly client: CompleteClient;
  readonly urls: readonly string[];
  readonly contents: readonly Buffer[];
  readonly pins: readonly Validators[];
}

async function filesOf(
  t: ExecutionContext,
  count: number,
  options: FtpFaultServerOptions = {},
  clientOptions: FtpClientOptions = {},
): Promise<Files> {
  const server = await startFtpFaultServer(t, options);
  const client = ftpClient(t, clientOptions);
  const contents = Array.from({ length: count }, (_, file) => pattern(FILE_BYTES + file));
  for (const [file, content] of contents.entries()) server.put(`/${file}`, content);
  const urls = contents.map((_, file) => `ftp://${server.host}/${file}`);
  const pins: Validators[] = [];
  for (const url of urls) pins.push(validatorsOf(await stat(client, url)));
  return { server, client, urls, contents, pins };
}

test('transfers that wait for another read end where their comparisons need the sessions', async (t) => {
  // Sooner than a transfer stops waiting by itself.
  const files = await filesOf(t, 2, { maxConnections: 2 }, { timeoutMs: 3_000, retries: 0 });
  const { client, urls, pins, contents } = files;
  const opened = await Promise.all(
    urls.flatMap((url, file) =>
      [0, 300_000].map((start) =>
        client.download(new Request(url, { range: { start, end: start + 300_000 }, pin: pins[file] ?? {} })),
      ),
    ),
  );
  const parts = opened.map(() => Buffer.alloc(300_000));
  const readPart = async (part: number): Promise<void> => {
    const response = opened[part];
    if (response !== undefined) await bodyReader(response).read({ pieces: [parts[part] ?? Buffer.alloc(0)] });
  };
  const first = [readPart(0), readPart(2)];
  // They have their bytes, and wait for a session that compares.
  await until(
    'all is read',
    () => parts[0]?.at(-1) === contents[0]?.[299_999] && parts[2]?.at(-1) === contents[1]?.[299_999],
  );
  await sleep(100);
  await Promise.all([...first, readPart(1), readPart(3)]);
  for (const [part, bytes] of parts.entries()) {
    const start = (part % 2) * 300_000;
    assertSame(bytes, contents[part >> 1]?.subarray(start, start + 300_000) ?? Buffer.alloc(0));
  }
  t.pass();
});

test('a session whose transfer was given up is used by one at a time', async (t) => {
  const { server, client, urls, pins, contents } = await filesOf(t, 8, { maxConnections: 1 });
  const [url = '', pin = {}] = [urls[0], pins[0]];
  const abort = new AbortController();
  const range = { start: 0, end: 300_000 };
  // Another one is begun by the read.
  server.add({ command: 'RETR', cutAfterBytes: 1_000, times: 1 });
  const response = await client.download(new Request(url, { range, pin, signal: abort.signal }));
  let others: Promise<Buffer>[] = [];
  const giveUp = (): void => {
    others = urls.slice(1).map((one) => read(client, one, { range: { start: 500, end: 1_000 } }));
    setImmediate(() => abort.abort());
  };
  server.add({ command: 'RETR', before: giveUp, times: 1 });
  await assertCode(bodyReader(response).read({ pieces: [new Uint8Array(300_000)] }), 'INTERRUPTED');
  for (const [file, bytes] of (await Promise.all(others)).entries())
    assertSame(bytes, contents[file + 1]?.subarray(500, 1_000) ?? Buffer.alloc(0));
  for (const commands of server.sessions) {
    const begun = commands
      .map((line) => line.split(' ')[0])
      .filter((name) => name === 'EPSV' || name === 'RETR');
    t.true(
      begun.every((name, at) => name === (at % 2 === 0 ? 'EPSV' : 'RETR')),
      commands.join(', '),
    );
  }
});

test('where a transfer was to begin does not matter to the next one', async (t) => {
  const { server, client, urls, contents } = await filesOf(t, 1, {}, { retries: 0 });
  const url = urls[0] ?? '';
  server.add({ command: 'RETR', reply: '450 Not now', times: 1 });
  await assertCode(read(client, url, { range: { start: 500, end: 600 } }), 'BUSY');
  assertSame(
    await read(client, url, { range: { start: 0, end: 100 } }),
    contents[0]?.subarray(0, 100) ?? Buffer.alloc(0),
  );
  t.is(server.sessions.length, 1);
});

test('no byte of another version is shown', async (t) => {
  const { server, client, urls, pins } = await filesOf(t, 1);
  const [url = '', pin = {}] = [urls[0], pins[0]];
  const replace = (): void => server.put('/0', Buffer.alloc(FILE_BYTES));
  for (const end of [FILE_BYTES, 1_000]) {
    server.put('/0', pattern(FILE_BYTES));
    const known = validatorsOf(await stat(client, url));
    server.add({ command: 'RETR', before: replace, times: 1 });
    const response = await client.download(new Request(url, { range: { start: 0, end }, pin: known }));
    const shown: number[] = [];
    const reading = bodyReader(response).read({
      pieces: [new Uint8Array(end)],
      onBytes: (bytes) => shown.push(bytes),
    });
    await assertCode(reading, 'CHANGED');
    t.deepEqual(shown, []);
  }
  await assertCode(read(client, url, { pin }), 'CHANGED');
});

test('a reply that belongs to no command is no metadata of another file', async (t) => {
  const { server, client, urls } = await filesOf(t, 2, { maxConnections: 1 });
  server.add({ command: 'MLST', strayReply: '226 Late', times: 1 });
  const found = await Promise.all(urls.map((url) => stat(client, url)));
  t.deepEqual(
    found.map(({ contentLength }) => contentLength),
    [FILE_BYTES, FILE_BYTES + 1],
  );
});

test('a second reply to a transfer is taken for no other one', async (t) => {
  for (const lacks of [[], ['MLST', 'MLSD']]) {
    const { server, client, urls, pins, contents } = await filesOf(t, 1, { lacks, maxConnections: 1 });
    const url = urls[0] ?? '';
    for (let start = 0; start < 500_000; start += 100_000) {
      server.add({ command: 'end', strayReply: '426 Given up', times: 1 });
      const range = { start, end: start + 1_000 };
      const content = contents[0]?.subarray(range.start, range.end) ?? Buffer.alloc(0);
      assertSame(await read(client, url, { range, pin: pins[0] ?? {} }), content);
      t.like(await stat(client, url), { kind: 'file', contentLength: FILE_BYTES });
    }
  }
});
