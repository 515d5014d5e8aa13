/** Pages that are made to take time or memory: none holds up others, and none is believed in part. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import test from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import { IndexPage } from '../../src/source/http/index-page.js';
import { Request } from '../../src/source/index.js';
import { ListingTooLong, MAX_LISTED_ENTRIES } from '../../src/source/listing-limits.js';
import { nextTurn } from '../../src/source/turns.js';
import { startFaultServer } from '../support/fault-server.js';
import { longestTurnMs } from '../support/longest-turn.js';
import { addModule, clientOf, pluginDirectory, pluginSet } from '../support/plugins.js';

const MIB = 1024 * 1024;
const PAGE_URL = new URL('http://h/d/');
/** Of processor time. Most take less than 20; garbage is collected now and then. */
const MAX_TURN_MS = 250;

const HTML = '<html><title>Index of /d</title>';
const NGINX = `<html>\n<head><title>Index of /d/</title></head>\n<body>\n<h1>Index of /d/</h1><hr><pre><a href="../">../</a>\n`;
const NGINX_LINE = '<a href="x">x</a>  23-Nov-2026 21:40  1\n';

interface Case {
  readonly start?: string;
  /** Repeated until the page has `bytes`. */
  readonly part: string;
  readonly bytes?: number;
  readonly type?: string;
  /** How many entries there are; -1: it is refused. */
  readonly entries: number;
}

const CASES: Readonly<Record<string, Case>> = {
  'tags that are never closed': { start: HTML, part: '<b>', entries: 0 },
  'tags that are closed and were not open': { start: HTML, part: '</i></b>', entries: 0 },
  'links without end': { start: HTML, part: '<a href=x>', entries: Math.ceil((2 * MIB) / 10) },
  'links that have to be resolved': {
    start: HTML,
    part: '<a href="./é">',
    entries: Math.ceil((2 * MIB) / 15),
  },
  'one tag without end': { start: HTML, part: '<a href="', bytes: MIB, entries: -1 },
  'attributes without end': { start: `${HTML}<a`, part: ' a=b', entries: -1 },
  'a name of a tag without end': { start: `${HTML}<`, part: 'a', entries: -1 },
  'comments that are not closed': { start: HTML, part: '<!--', entries: 0 },
  'scripts that are not closed': { start: HTML, part: '<script>', entries: 0 },
  'references to characters': { start: `${HTML}<a href="x">`, part: '&amp;&#x41;', entries: 1 },
  'text behind one link': { start: `${HTML}<a href="x">x</a> 23-Nov-2026 21:40 `, part: '1', entries: 1 },
  'spaces behind one link': { start: `${HTML}<a href="x">x</a> 23-Nov-2026 21:40 1`, part: ' ', entries: 1 },
  'less-than signs': { start: HTML, part: '<', entries: 0 },
  'less-than signs in a heading': { start: `${HTML}<h1>`, part: '<1', entries: 0 },
  'cells that end behind one link': {
    start: `${HTML}<a href="x">x</a>`,
    part: '</td>',
    entries: 1,
  },
  'a page that is no index': { part: '<a href="x">y</a>', entries: 0 },
  'a page of links without a heading': { part: '<a href="x">x</a>', entries: Math.ceil((2 * MIB) / 17) },
  'links with a long text': { part: `<a href="x">x${' '.repeat(998)}x</a>`, entries: 0 },
  'rows with sizes': {
    start: HTML,
    part: `<tr><a href="x">x</a><size>${' '.repeat(900)}</size><time datetime="${'0'.repeat(900)}">`,
    entries: Math.ceil((2 * MIB) / 1_852),
  },
  'a title without end': { start: '<title>Index of ', part: 'x', entries: 0 },
  'bytes that are not UTF-8': { start: HTML, part: '\udcc3', entries: 0 },
  'long names': { start: HTML, part: `<a href="${'%ff'.repeat(255)}">`, entries: Math.ceil((2 * MIB) / 776) },
  'names that are too long': { start: HTML, part: `<a href="${'x'.repeat(2_000)}">`, entries: 0 },
  'one name again and again': {
    start: NGINX,
    part: NGINX_LINE,
    entries: Math.ceil((2 * MIB) / NGINX_LINE.length),
  },
  'a line of nginx without end': { start: `${NGINX}<a href="`, part: 'x', entries: -1 },
  'a name of nginx without end': { start: `${NGINX}<a href="x">`, part: 'x', entries: 1 },
  'objects in JSON': { start: '[{}', part: ',{}', type: 'application/json', entries: 0 },
  'lists in lists in JSON': { part: '[', type: 'application/json', entries: -1 },
  'objects in objects in JSON': { start: '[', part: '{"a":', type: 'application/json', entries: -1 },
  'one string in JSON': { start: '["', part: 'x', type: 'application/json', entries: -1 },
  'one number in JSON': { start: '[', part: '1', type: 'application/json', entries: -1 },
  'members in JSON': { start: '[{"a":1', part: ',"a":1', type: 'application/json', entries: -1 },
  'commas in JSON': { start: '[', part: ',', type: 'application/json', entries: 0 },
  'spaces before JSON': { part: ' ', type: 'application/json', entries: 0 },
};

for (const [title, { start = '', part, bytes = 2 * MIB, type = 'text/html', entries }] of Object.entries(
  CASES,
)) {
  test.serial(`no caller waits for a page of ${title}`, async (t) => {
    const toBytes = (text: string): Buffer =>
      text.includes('\udcc3') ? Buffer.from(text, 'latin1') : Buffer.from(text);
    const chunk = toBytes(part.repeat(Math.ceil((64 * 1024) / part.length)));
    const page = new IndexPage(type, PAGE_URL);
    let found = -1;
    const turnMs = await longestTurnMs(async () => {
      try {
        await page.write(toBytes(start));
        for (let written = 0; written < bytes; written += chunk.length) await page.write(chunk);
        found = (await page.end()).length;
      } catch (error) {
        if (!(error instanceof ListingTooLong)) throw error;
      }
    });
    t.true(turnMs < MAX_TURN_MS, `${turnMs} ms`);
    if (entries <= 0) t.is(found, entries);
    else t.true(found >= entries * 0.9 && found <= entries * 1.1, `${found} of ${entries}`);
  });
}

for (const [title, start, part] of [
  ['a heading', `${HTML}<h1>`, '<1'],
  ['the ends of cells', `${HTML}<a href="x">x</a>`, '</td>'],
] as const) {
  test.serial(`what is kept of ${title} does not grow with the page`, async (t) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const page = new IndexPage('text/html', PAGE_URL);
    await page.write(Buffer.from(start));
    const chunk = Buffer.from(part.repeat((64 * 1024) / part.length));
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let written = 0; written < 4 * MIB; written += chunk.length) await page.write(chunk);
    collect();
    const grownMib = (process.memoryUsage().heapUsed - before) / MIB;
    t.true(grownMib < 10, `${grownMib} MiB`);
    await page.end();
  });
}

// S95
test.serial('half a million entries are taken, and one more is too many', async (t) => {
  const lines = 10_000;
  const page = new IndexPage('text/html', PAGE_URL);
  await page.write(Buffer.from(NGINX));
  const chunk = Buffer.from(NGINX_LINE.repeat(lines));
  const turnMs = await longestTurnMs(async () => {
    for (let written = 0; written < MAX_LISTED_ENTRIES; written += lines) await page.write(chunk);
  });
  t.true(turnMs < MAX_TURN_MS, `${turnMs} ms`);
  const error = await t.throwsAsync(
    async () => {
      await page.write(Buffer.from(NGINX_LINE));
      await page.end();
    },
    { instanceOf: ListingTooLong },
  );
  t.is(error.expected, '500000 entries');
});

// S95
test('a listing that never ends is refused, and one that is cut off is no shorter listing', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.write(HTML);
    if (request.url === '/cut/') {
      response.write('<a href="x">x</a>', () => response.destroy());
      return;
    }
    const text = Buffer.alloc(MIB, 'x');
    const send = (): void => {
      while (!response.destroyed && response.write(text));
      response.once('drain', send);
    };
    send();
  });
  const http = createHttpClient({ timeoutMs: 20_000, retries: 0 });
  t.teardown(() => http.close());
  const endless = await t.throwsAsync(http.list(new Request(`${server.origin}/endless/`)));
  t.like(endless, { code: 'PROTOCOL', expected: 'at most 67108864 bytes', found: 'more' });
  const cut = await t.throwsAsync(http.list(new Request(`${server.origin}/cut/`)));
  t.like(cut, { code: 'CONNECTION_LOST' });
});

test('a listing that goes on and on is given up after four times the timeout', async (t) => {
  const server = await startFaultServer(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.write(HTML);
    const timer = setInterval(() => response.write(Buffer.alloc(16 * 1024, 'x')), 10);
    response.on('close', () => clearInterval(timer));
  });
  const http = createHttpClient({ timeoutMs: 200, retries: 0 });
  t.teardown(() => http.close());
  const error = await t.throwsAsync(http.list(new Request(`${server.origin}/`)));
  t.like(error, { code: 'TIMEOUT' });
});

test.serial("no caller waits for a plugin's listing, and what is beyond the limits is refused", async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'many', {
    client: `list: ({ url }) => url.pathname === '/deep/'
      ? [{ name: 'x', size: JSON.parse('['.repeat(100) + ']'.repeat(100)) }]
      : Array.from({ length: 100_000 }, (_, i) => ({ name: 'file-' + i })),`,
  });
  const client = await clientOf(pluginSet(t, directory), 'many');
  const turnMs = await longestTurnMs(async () => {
    t.is((await client.list(new Request('many://h/'))).length, 100_000);
  });
  t.true(turnMs < MAX_TURN_MS, `${turnMs} ms`);
  const error = await t.throwsAsync(client.list(new Request('many://h/deep/')));
  t.like(error, { code: 'CLIENT_FAULT', expected: 'at most 32 levels' });
});

test('of many that do long work each turn of the event loop has one piece', async (t) => {
  let pieces = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    for (let piece = 0; piece < 10; piece += 1) {
      await nextTurn();
      pieces += 1;
    }
  };
  let isOver = false;
  const look = (): void => {
    most = Math.max(most, pieces);
    pieces = 0;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  await Promise.all(Array.from({ length: 20 }, work));
  isOver = true;
  t.is(most, 1);
});

test('users take turns with long work, however much one of them has', async (t) => {
  let ofOne = 0;
  const work = async (uid: number, pieces: number, onPiece: () => void): Promise<void> => {
    for (let piece = 0; piece < pieces; piece += 1) {
      await nextTurn(uid);
      onPiece();
    }
  };
  const all = Array.from({ length: 50 }, () => work(1, 20, () => (ofOne += 1)));
  await work(2, 10, () => undefined);
  const meanwhile = ofOne;
  await Promise.all(all);
  t.true(meanwhile <= 11, `${meanwhile} pieces of the other user`);
});
