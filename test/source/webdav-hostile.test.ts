/** Listings of WebDAV that are made to show what is not there, or to take time or memory. */
import test from 'ava';

import { Request } from '../../src/source/index.js';
import { ListingTooLong, MAX_LISTED_ENTRIES } from '../../src/source/listing-limits.js';
import { Multistatus } from '../../src/source/schemes/webdav/multistatus.js';
import { XmlEvents } from '../../src/source/xml-events.js';
import { startAnsweringServer } from '../support/answering-server.js';
import { codeOf, read } from '../support/conformance/reading.js';
import { startFaultServer } from '../support/fault-server.js';
import { longestTurnMs } from '../support/longest-turn.js';
import { COLLECTION, fileProperties, multistatus, row } from '../support/multistatus.js';
import { webdavClient } from '../support/webdav-client.js';

/** Of processor time. */
const MAX_TURN_MS = 250;
const START = `<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">${row('/d/', COLLECTION)}`;

test('what no file name can stand for is not shown, and the log says so once', async (t) => {
  const other = await startAnsweringServer(t, () => ({ body: 'other' }));
  const { origin, asked } = await startAnsweringServer(t, ({ method }) =>
    method === 'GET'
      ? { body: 'own' }
      : multistatus(
          row('/d/', COLLECTION),
          row('/d/../../etc/passwd', fileProperties(1)),
          row('/d/..', COLLECTION),
          row('/d/%2e%2e/', COLLECTION),
          row('/d/a%2fb', fileProperties(1)),
          row('/d/a%00b', fileProperties(1)),
          row('/other/x', fileProperties(1)),
          row(`/d/${'x'.repeat(256)}`, fileProperties(1)),
          row(`${other.origin}/d/stolen`, fileProperties(3)),
          row('javascript:alert(1)', fileProperties(1)),
        ),
  );
  const lines: string[] = [];
  const client = webdavClient(t, { lines });
  const url = `${origin.replace('http', 'webdav')}/d`;
  for (const _ of [1, 2]) {
    const entries = await client.list(new Request(url));
    t.deepEqual(
      entries.map(({ name }) => decodeURIComponent(name)),
      ['stolen', 'javascript:alert(1)'],
    );
    // Whatever host it names, it is read from that of the directory.
    t.is((await read(client, entries[0]?.url.href ?? '')).toString(), 'own');
  }
  t.is(other.asked.length, 0);
  t.is(asked.filter(({ method }) => method === 'GET').length, 2);
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /paths that cannot be names of files are not shown, such as this/);
});

test('no entity is expanded but those of XML', async (t) => {
  const entities = Array.from({ length: 20 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(20)}">`).join(
    '',
  );
  const files = `${row('/d/&e20;', fileProperties(1))}${row('/d/a&amp;b', fileProperties(1))}${row('/d/&f;', fileProperties(1))}`;
  const text = `<?xml version="1.0"?><!DOCTYPE m [<!ENTITY e0 "x">${entities}<!ENTITY f SYSTEM "file:///etc/passwd">]>`;
  const { origin } = await startAnsweringServer(t, () => ({
    status: 207,
    body: `${text}<D:multistatus xmlns:D="DAV:">${files}</D:multistatus>`,
  }));
  const listing = webdavClient(t).list(new Request(`${origin.replace('http', 'webdav')}/d`));
  const outcome = await listing.catch((error: unknown) => error);
  const names = Array.isArray(outcome)
    ? outcome.map(({ name }: { name: string }) => decodeURIComponent(name))
    : outcome;
  t.deepEqual(names, ['&e20;', 'a&b', '&f;']);
});

const MALFORMED: Readonly<Record<string, string>> = {
  'another document': '<html><body/></html>',
  'no document': '',
  'no XML': '{"files": []}',
  'a document that ends early': `${START}${row('/d/a', fileProperties(1))}`,
  'a document that ends in a tag': `${START}<D:response><D:href>/d/a</D:hr`,
  'another document behind it': `${START}</D:multistatus><D:multistatus xmlns:D="DAV:"/>`,
  'a path of a megabyte': `${START}${row(`/d/${'x'.repeat(1024 * 1024)}`, fileProperties(1))}</D:multistatus>`,
  'elements in elements': `${START}${'<D:response>'.repeat(1_000)}`,
};

for (const [what, body] of Object.entries(MALFORMED)) {
  test(`${what} is no listing`, async (t) => {
    const { origin } = await startAnsweringServer(t, () => ({ status: 207, body }));
    const [client, request] = [webdavClient(t), new Request(`${origin.replace('http', 'webdav')}/d`)];
    t.is(await codeOf(client.list(request)), 'PROTOCOL');
    t.is(await codeOf(client.getMetadata(request)), 'PROTOCOL');
  });
}

test('an answer without the resource says nothing of it', async (t) => {
  const { origin } = await startAnsweringServer(t, () => multistatus());
  const request = new Request(`${origin.replace('http', 'webdav')}/d`);
  t.is(await codeOf(webdavClient(t).getMetadata(request)), 'PROTOCOL');
  t.deepEqual(await webdavClient(t).list(request), []);
});

/** One text may have 64 KiB. */
const ENDLESS = {
  comments: ['<!-- x -->', 'TIMEOUT'],
  'responses that name nothing': ['<D:response/>', 'TIMEOUT'],
  spaces: [' '.repeat(20_000), 'PROTOCOL'],
} as const;

for (const [what, [part, code]] of Object.entries(ENDLESS)) {
  test(`a listing of endless ${what} is ${code}`, async (t) => {
    const server = await startFaultServer(t, (_, response) => {
      response.writeHead(207, { 'content-type': 'application/xml' });
      response.write(START);
      const timer = setInterval(() => response.write(part), 5);
      response.once('close', () => clearInterval(timer));
    });
    const client = webdavClient(t, { timeoutMs: 250, retries: 0 });
    const request = new Request(`${server.origin.replace('http', 'webdav')}/d`);
    t.is(await codeOf(client.list(request)), code);
  });
}

test('a listing of entries without end is refused, and holds nothing up', async (t) => {
  const part = '<response><href>/d/a</href></response>'.repeat(400);
  let rows = 0;
  const events = new XmlEvents(
    new Multistatus(() => {
      rows += 1;
    }),
  );
  events.read('<multistatus>');
  t.throws(
    () => {
      for (let i = 0; i <= MAX_LISTED_ENTRIES / 400; i += 1) events.read(part);
    },
    { instanceOf: ListingTooLong },
  );
  t.is(rows, MAX_LISTED_ENTRIES);
  // Long paths, none of which is shown: 30 MB.
  const long = row(`/d/${'x'.repeat(30_000)}`, fileProperties(1)).repeat(10);
  const server = await startFaultServer(t, (_, response) => {
    response.writeHead(207, { 'content-type': 'application/xml' });
    response.write(START);
    let left = 100;
    const write = (): void => {
      while (left > 0) {
        left -= 1;
        if (!response.write(long)) {
          response.once('drain', write);
          return;
        }
      }
      response.end('</D:multistatus>');
    };
    write();
  });
  const request = new Request(`${server.origin.replace('http', 'webdav')}/d`);
  const turn = await longestTurnMs(async () => {
    t.deepEqual(await webdavClient(t, { timeoutMs: 60_000 }).list(request), []);
  });
  t.true(turn < MAX_TURN_MS, `${turn} ms`);
});
