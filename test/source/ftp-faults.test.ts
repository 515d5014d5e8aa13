/** ftp against a server that knows less, fails, hangs and lies. */
import { createHash } from 'node:crypto';

import test, { type ExecutionContext } from 'ava';

import type { CompleteClient } from '../../src/source/resource-client.js';
import { Request } from '../../src/source/request.js';
import {
  assertCode,
  assertSame,
  codeOf,
  failureOf,
  read,
  stat,
  validatorsOf,
} from '../support/conformance/reading.js';
import { ftpClient, type FtpClientOptions } from '../support/ftp-client.js';
import {
  type FtpFaultServer,
  type FtpFaultServerOptions,
  startFtpFaultServer,
} from '../support/ftp-fault-server.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

interface Faulty {
  readonly server: FtpFaultServer;
  readonly client: CompleteClient;
  readonly content: Buffer;
  readonly urlOf: (path: string) => string;
}

const FILE_BYTES = 1_000_000;

async function setUp(
  t: ExecutionContext,
  options: FtpFaultServerOptions = {},
  clientOptions: FtpClientOptions = {},
): Promise<Faulty> {
  const server = await startFtpFaultServer(t, options);
  const content = pattern(FILE_BYTES);
  server.put('/dir/file.bin', content);
  server.put('/dir/other', 'other');
  return {
    server,
    client: ftpClient(t, clientOptions),
    content,
    urlOf: (path) => `ftp://${server.host}${path}`,
  };
}

function countOf({ commands }: FtpFaultServer, command: string): number {
  return commands.filter((line) => line.split(' ')[0] === command).length;
}

async function namesIn(client: CompleteClient, url: string): Promise<string[]> {
  return (await client.list(new Request(url))).map(({ name }) => decodeURIComponent(name)).toSorted();
}

test('without MLST, SIZE and MDTM, a listing says what there is', async (t) => {
  const { client, content, urlOf } = await setUp(t, { lacks: ['MLST', 'MLSD', 'SIZE', 'MDTM'] });
  const file = await stat(client, urlOf('/dir/file.bin'));
  t.like(file, { kind: 'file', contentLength: FILE_BYTES, isLastModifiedWeak: true });
  t.is(file.etag, undefined);
  t.is((await stat(client, urlOf('/dir'))).kind, 'directory');
  await assertCode(stat(client, urlOf('/dir/none')), 'NOT_FOUND');
  t.deepEqual(await namesIn(client, urlOf('/dir/')), ['file.bin', 'other']);
  assertSame(await read(client, urlOf('/dir/file.bin')), content);
});

test('without MLST and MLSD, times of LIST count as far as they are seen to be UTC', async (t) => {
  const { client, urlOf } = await setUp(t, { lacks: ['MLST', 'MLSD'] });
  for (const entry of await client.list(new Request(urlOf('/dir/')))) {
    const { lastModified } = await stat(client, entry.url.href);
    t.is(entry.lastModifiedPrecisionMs, 60_000);
    t.is(entry.lastModified, lastModified - (lastModified % 60_000));
    t.is(entry.etag, undefined);
  }
});

test('a server that refuses MLSD though it knows facts lists by LIST', async (t) => {
  const { client, urlOf } = await setUp(t, { lacks: ['MLSD'] });
  t.deepEqual(await namesIn(client, urlOf('/dir/')), ['file.bin', 'other']);
});

test('without REST there are no ranges, and a file is read from its start', async (t) => {
  const { client, content, urlOf } = await setUp(t, { lacks: ['REST'] });
  t.false((await stat(client, urlOf('/dir/file.bin'))).supportRange);
  const response = await client.download(
    new Request(urlOf('/dir/file.bin'), { range: { start: 10, end: 20 } }),
  );
  t.is(response.offset, 0);
  response.cancel();
  assertSame(await read(client, urlOf('/dir/file.bin'), { range: { start: 10, end: 20 } }), content);
});

test('a server that promised REST and refuses it has no ranges from then on', async (t) => {
  const { server, client, content, urlOf } = await setUp(t);
  server.add({ command: 'REST', reply: '502 Not here' });
  const range = { start: 500_000, end: 500_100 };
  t.not(await codeOf(read(client, urlOf('/dir/file.bin'), { range })), 'no error');
  t.false((await stat(client, urlOf('/dir/file.bin'))).supportRange);
  assertSame(await read(client, urlOf('/dir/file.bin'), { range }), content);
});

test('EPSV is tried first, and PASV never leads to another host', async (t) => {
  const { server, client, content, urlOf } = await setUp(t, { lacks: ['EPSV'], pasvAddress: '192.0.2.1' });
  assertSame(await read(client, urlOf('/dir/file.bin')), content);
  await read(client, urlOf('/dir/other'));
  t.deepEqual([countOf(server, 'EPSV'), countOf(server, 'PASV')], [1, 2]);
});

test('replies that come byte by byte are whole replies', async (t) => {
  const { client, content, urlOf } = await setUp(t, { isSlow: true, lacks: ['EPSV'] });
  assertSame(await read(client, urlOf('/dir/file.bin')), content);
  t.deepEqual(await namesIn(client, urlOf('/dir/')), ['file.bin', 'other']);
});

test('a transfer that breaks goes on where it stopped', async (t) => {
  const { server, client, content, urlOf } = await setUp(t);
  server.add({ command: 'RETR', cutAfterBytes: 300_000, times: 2 });
  assertSame(await read(client, urlOf('/dir/file.bin')), content);
  t.deepEqual(
    server.commands.filter((line) => line.startsWith('REST')),
    ['REST 300000', 'REST 600000'],
  );
});

test('a control connection that breaks with its transfer is replaced', async (t) => {
  const { server, client, content, urlOf } = await setUp(t);
  server.add({ command: 'RETR', cutAfterBytes: 300_000, times: 1 });
  server.add({ command: 'end', closes: true, times: 1 });
  assertSame(await read(client, urlOf('/dir/file.bin')), content);
  t.is(countOf(server, 'greeting'), 2);
});

test('a part is never taken for the whole', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  server.add({ command: 'RETR', cutAfterBytes: 0 });
  await assertCode(read(client, urlOf('/dir/file.bin')), 'CONNECTION_LOST', 'PROTOCOL');
  server.add({ command: 'MLSD', cutAfterBytes: 20 });
  await assertCode(client.list(new Request(urlOf('/dir/'))), 'CONNECTION_LOST', 'PROTOCOL');
  server.clear();
  t.deepEqual(await namesIn(client, urlOf('/dir/')), ['file.bin', 'other']);
});

test('a file that is replaced while it is read is another version', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  const url = urlOf('/dir/file.bin');
  const pin = validatorsOf(await stat(client, url));
  const replace = (): void => server.put('/dir/file.bin', Buffer.from(pattern(FILE_BYTES).toReversed()));
  server.add({ command: 'RETR', before: replace, times: 1 });
  await assertCode(read(client, url, { pin }), 'CHANGED');
  await assertCode(read(client, url, { pin, range: { start: 0, end: 10 } }), 'CHANGED');
  const now = validatorsOf(await stat(client, url));
  // In the middle: the rest would be of the new one.
  server.add({ command: 'RETR', cutAfterBytes: 300_000, times: 1 });
  server.add({ command: 'end', before: replace, times: 1 });
  await assertCode(read(client, url, { pin: now }), 'CHANGED');
  t.pass();
});

test('a file of another length than the server says is no file', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  for (const bytes of [FILE_BYTES - 1, FILE_BYTES + 1]) {
    server.add({ command: 'RETR', sends: () => [pattern(bytes)] });
    await assertCode(read(client, urlOf('/dir/file.bin')), 'PROTOCOL', 'CONNECTION_LOST');
  }
  t.pass();
});

test('what may be seen and not be read is denied', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  server.add({ command: 'RETR', reply: '550 Failed to open file' });
  await assertCode(read(client, urlOf('/dir/file.bin')), 'ACCESS_DENIED');
  server.add({ command: 'MLST', reply: '550 Permission denied' });
  await assertCode(stat(client, urlOf('/dir/file.bin')), 'ACCESS_DENIED');
  server.add({ command: 'MLST', reply: '450 Busy' });
  await assertCode(stat(client, urlOf('/dir/file.bin')), 'BUSY');
  t.pass();
});

test('a server that ends idle connections is connected again, without a failure', async (t) => {
  const { server, client, content, urlOf } = await setUp(t, {}, { retries: 0 });
  const url = urlOf('/dir/file.bin');
  for (const reply of [undefined, '421 Idle too long']) {
    await stat(client, url);
    server.endAll(reply);
    assertSame(await read(client, url), content);
  }
  // It says so only when it is used.
  server.add({ command: 'MLST', reply: '421 Idle too long', times: 1 });
  t.is((await stat(client, url)).contentLength, FILE_BYTES);
});

test('421 at any time is tried again, and is BUSY if it stays', async (t) => {
  const { server, client, content, urlOf } = await setUp(t);
  for (const command of ['greeting', 'USER', 'PASS', 'FEAT', 'TYPE', 'MLST', 'EPSV', 'RETR', 'data', 'end']) {
    server.endAll();
    server.add({ command, reply: '421 Going down', times: 1 });
    server.commands.length = 0;
    assertSame(await read(client, urlOf('/dir/file.bin')), content);
    server.clear();
  }
  server.endAll();
  server.add({ command: 'greeting', reply: '421 Going down' });
  await assertCode(stat(client, urlOf('/dir/file.bin')), 'BUSY');
  t.pass();
});

test('few connections are enough, and a server that has fewer is served by those', async (t) => {
  for (const maxConnections of [undefined, 2, 1]) {
    const { server, client, content, urlOf } = await setUp(
      t,
      maxConnections === undefined ? {} : { maxConnections },
    );
    const url = urlOf('/dir/file.bin');
    const starts = Array.from({ length: 20 }, (_, index) => index * 40_000);
    const parts = await Promise.all(
      starts.map((start) => read(client, url, { range: { start, end: start + 30_000 } })),
    );
    for (const [index, start] of starts.entries()) {
      assertSame(parts[index] ?? Buffer.alloc(0), content.subarray(start, start + 30_000));
    }
    // What is refused was connected for a moment.
    t.true(server.connections.most <= 4, `${server.connections.most} connections`);
  }
});

test('a sequential reader costs one transfer, and a random one ends what it does not read', async (t) => {
  const { server, client, content, urlOf } = await setUp(t);
  const url = urlOf('/dir/file.bin');
  const pin = validatorsOf(await stat(client, url));
  for (let start = 0; start < FILE_BYTES; start += 300_000) {
    const range = { start, end: start + 300_000 };
    assertSame(await read(client, url, { range, pin }), content.subarray(range.start, range.end));
  }
  t.is(countOf(server, 'RETR'), 1);
  // Before they are needed, as a readahead does.
  const ahead = await Promise.all(
    [0, 1, 2, 3].map((part) => {
      const range = { start: part * 300_000, end: (part + 1) * 300_000 };
      return client.download(new Request(url, { range, pin })).then(async (response) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of response.body) chunks.push(chunk);
        return Buffer.concat(chunks);
      });
    }),
  );
  assertSame(Buffer.concat(ahead), content);
  t.is(countOf(server, 'RETR'), 2);
  for (const start of [700_000, 100_000, 400_000]) {
    await read(client, url, { range: { start, end: start + 10 }, pin });
  }
  t.true(server.connections.most <= 4);
});

test('a reader that stops holds up no other one', async (t) => {
  const { client, content, urlOf } = await setUp(t, {}, { timeoutMs: 6_000 });
  const url = urlOf('/dir/file.bin');
  const pin = validatorsOf(await stat(client, url));
  const stopped = await client.download(new Request(url, { range: { start: 0, end: 500_000 }, pin }));
  assertSame(
    await read(client, url, { range: { start: 500_000, end: 600_000 }, pin }),
    content.subarray(500_000, 600_000),
  );
  // It goes on by itself.
  const chunks: Uint8Array[] = [];
  for await (const chunk of stopped.body) chunks.push(chunk);
  assertSame(Buffer.concat(chunks), content.subarray(0, 500_000));
  t.pass();
});

for (const command of [
  'greeting',
  'USER',
  'PASS',
  'FEAT',
  'TYPE',
  'MLST',
  'EPSV',
  'RETR',
  'data',
  'end',
  'CWD',
  'MLSD',
]) {
  test(`a server that hangs at ${command} is given up in time`, async (t) => {
    // All but the end of it must come in time.
    const timeoutMs = command === 'end' ? 5_000 : 700;
    const { server, client, urlOf } = await setUp(t, {}, { timeoutMs });
    server.add({ command, hangs: true });
    const isListing = command === 'CWD' || command === 'MLSD';
    const work = isListing ? client.list(new Request(urlOf('/dir/'))) : read(client, urlOf('/dir/file.bin'));
    // All bytes are there, and the file is still the one that it was.
    await assertCode(work, command === 'end' ? 'no error' : 'TIMEOUT');
    t.pass();
  });

  test(`a caller that gives up at ${command} is let go at once`, async (t) => {
    const { server, client, urlOf } = await setUp(t);
    const abort = new AbortController();
    server.add({ command, hangs: true, before: () => setImmediate(() => abort.abort()) });
    const isListing = command === 'CWD' || command === 'MLSD';
    const request = new Request(urlOf(isListing ? '/dir/' : '/dir/file.bin'), { signal: abort.signal });
    const work = isListing
      ? client.list(request)
      : client.download(request).then(async ({ body }) => {
          for await (const chunk of body) if (chunk.byteLength === 0) break;
        });
    await assertCode(work, 'INTERRUPTED');
    t.pass();
  });
}

test('a body that drips is waited for', async (t) => {
  const { server, client, urlOf } = await setUp(t, {}, { timeoutMs: 2_500 });
  server.put('/slow', pattern(6_000));
  server.add({ command: 'RETR', drip: { bytes: 1_000, everyMs: 600 } });
  assertSame(await read(client, urlOf('/slow')), pattern(6_000));
  t.pass();
});

test('an endless listing is refused', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  const line = `type=file;size=1;modify=20200101000000; ${'x'.repeat(200)}`;
  function* lines(): Generator<string> {
    for (let i = 0; ; i += 1) yield `${line}${i}\r\n`.repeat(200);
  }
  function* one(): Generator<string> {
    for (;;) yield 'x'.repeat(60_000);
  }
  for (const sends of [lines, one]) {
    server.add({ command: 'MLSD', sends });
    await assertCode(client.list(new Request(urlOf('/dir/'))), 'PROTOCOL');
  }
  server.clear();
  t.deepEqual(await namesIn(client, urlOf('/dir/')), ['file.bin', 'other']);
});

test('names that no path can have are not listed', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  const facts = 'type=file;size=1;modify=20200101000000;';
  const names = [
    'good',
    '',
    '.',
    '..',
    '../up',
    'a/b',
    '/etc/passwd',
    'with\rreturn',
    'nul\0',
    ' lead',
    '-a',
    '*',
  ];
  const lines = [
    ...names.map((name) => `${facts} ${name}`),
    'size=1; no type',
    'nonsense',
    'type=OS.unix=fifo; pipe',
  ];
  server.add({ command: 'MLSD', sends: () => [lines.map((line) => `${line}\r\n`).join('')] });
  t.deepEqual(await namesIn(client, urlOf('/dir/')), [' lead', '*', '-a', 'good']);
  server.add({ command: 'MLSD', reply: '500 Unknown' });
  server.add({
    command: 'LIST',
    sends: () => [
      '-rw-r--r-- 1 a b 1 Jan 1 2020 ../up\r\n-rw-r--r-- 1 a b 1 Jan 1 2020 good\r\nnonsense\r\n',
    ],
  });
  t.deepEqual(await namesIn(client, urlOf('/dir/')), ['good']);
  server.add({ command: 'LIST', sends: () => ['nonsense\r\n'] });
  await assertCode(client.list(new Request(urlOf('/dir/'))), 'PROTOCOL');
});

test('links of LIST are what they lead to, and those that lead nowhere are not listed', async (t) => {
  const { server, client, urlOf } = await setUp(t, { lacks: ['MLST', 'MLSD'] });
  server.put('/dir/below/file', 'x');
  server.put('/dir/to-file', 'content');
  server.put('/dir/to-dir/file', 'x');
  const links = ['to-file -> elsewhere', 'to-dir -> below', 'broken -> nowhere'];
  const sends = (): string[] => links.map((link) => `lrwxrwxrwx 1 a b 9 Jan 1 2020 ${link}\r\n`);
  server.add({ command: 'LIST', sends });
  const entries = await client.list(new Request(urlOf('/dir/')));
  t.deepEqual(
    entries.map(({ name, isDir, size }) => ({ name, isDir, size })),
    [
      { name: 'to-file', isDir: false, size: 7 },
      { name: 'to-dir', isDir: true, size: undefined },
    ],
  );
});

test('a file that has just changed is of no version', async (t) => {
  const { server, client, content, urlOf } = await setUp(t);
  server.files.set('/dir/file.bin', { content, modifiedMs: Date.now() + 3_600_000 });
  const url = urlOf('/dir/file.bin');
  const metadata = await stat(client, url);
  t.like(metadata, { etag: undefined, isLastModifiedWeak: true, contentLength: FILE_BYTES });
  const [entry] = await client.list(new Request(urlOf('/dir/')));
  t.is(entry?.etag, undefined);
  const response = await client.download(new Request(url));
  t.deepEqual(response.expireInfo(), {});
  response.cancel();
  t.true(await client.isExpired(new Request(url), {}));
  // Without a version there is nothing to go on with.
  server.add({ command: 'RETR', cutAfterBytes: 300_000 });
  await assertCode(read(client, url), 'CONNECTION_LOST');
});

test('an address that the policy refuses is not connected to', async (t) => {
  const addressPolicy = (address: string | undefined): string | undefined => address && 'a rule of the test';
  const { server, client, urlOf } = await setUp(t, {}, { addressPolicy });
  await assertCode(stat(client, urlOf('/dir/file.bin')), 'ADDRESS_REFUSED');
  t.deepEqual(server.commands, []);
});

test('what ProFTPD says of a link is not taken for what it leads to', async (t) => {
  const { server, client, content, urlOf } = await setUp(t);
  const facts = 'modify=20200101000000;size=1;type=file;unique=FE00U984167;';
  server.add({ command: 'MLST', reply: `250-Here\r\n ${facts} /dir/file.bin\r\n250 End` });
  t.is((await stat(client, urlOf('/dir/file.bin'))).contentLength, FILE_BYTES);
  assertSame(await read(client, urlOf('/dir/file.bin')), content);
});

test('a name cannot end its command', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  await stat(client, urlOf('/dir/file.bin'));
  server.commands.length = 0;
  for (const name of ['a%0d%0aDELE%20b', 'a%0aDELE%20b', 'a%0d', 'a%00']) {
    await assertCode(stat(client, urlOf(`/dir/${name}`)), 'INVALID_REQUEST');
    await assertCode(read(client, urlOf(`/dir/${name}`)), 'INVALID_REQUEST');
    await assertCode(client.list(new Request(urlOf(`/dir/${name}/`))), 'INVALID_REQUEST');
  }
  await assertCode(stat(client, urlOf('/dir%2Ffile.bin')), 'NOT_FOUND');
  t.deepEqual(server.commands, []);
});

test('names are bytes of any encoding', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  for (const name of ['/dir/\xe9\xff', '/dir/trailing ', '/dir/ leading', '/dir/*?[a]{b}', '/dir/~x'])
    server.put(name, 'x');
  const entries = await client.list(new Request(urlOf('/dir/')));
  t.true(entries.some(({ name }) => name === '%E9%FF'));
  for (const { url, size } of entries)
    t.is((await stat(client, url.href)).contentLength, size ?? -1, url.href);
});

test('the login directory is where the server says', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  server.put('/home/"ada"/file', 'at home');
  t.is((await read(client, urlOf('/~/file'))).toString(), 'at home');
  t.deepEqual(await namesIn(client, urlOf('/~/')), ['file']);
  t.is((await stat(client, urlOf('/~'))).kind, 'directory');
});

test('replies without a command, and replies without end, end the connection', async (t) => {
  const { server, client, urlOf } = await setUp(t, {}, { retries: 0 });
  const url = urlOf('/dir/file.bin');
  server.add({
    command: 'MLST',
    reply: '250-Here\r\n type=file;size=3;modify=20200101000000; x\r\n250 End\r\n250 Again',
    times: 1,
  });
  t.is((await stat(client, url)).contentLength, 3);
  await until('the connection is closed', () => server.connections.open === 0);
  t.is((await stat(client, url)).contentLength, FILE_BYTES);
  for (const reply of [
    `250-${'x'.repeat(70_000)}`,
    `250-x\r\n${'y\r\n'.repeat(40_000)}`,
    'x'.repeat(70_000),
  ]) {
    server.add({ command: 'MLST', reply });
    await assertCode(stat(client, url), 'CONNECTION_LOST');
  }
  server.clear();
  server.add({ command: 'EPSV', reply: '229 Passive (|||99999|)' });
  await assertCode(read(client, url), 'PROTOCOL');
});

test('an error names the URL and the reply', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  server.add({ command: 'MLST', reply: '553 Not\u001bhere' });
  const failure = await failureOf(stat(client, urlOf('/dir/file.bin')));
  t.is(failure.url, urlOf('/dir/file.bin'));
  t.is(failure.status, 553);
  t.is(failure.found, String.raw`553 Not\x1bhere`);
});

test('many files at once are each its own', async (t) => {
  const { server, client, urlOf } = await setUp(t);
  const names = Array.from({ length: 60 }, (_, index) => `/many/${index}`);
  for (const name of names) server.put(name, pattern(10_000 + name.length * 7));
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const found = await Promise.all(names.map((name) => read(client, urlOf(name))));
  t.deepEqual(
    found.map(digest),
    names.map((name) => digest(pattern(10_000 + name.length * 7))),
  );
  t.true(server.connections.most <= 4);
});
