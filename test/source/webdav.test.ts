/** What servers of WebDAV answer, each in its own way, and what is made of it. */
import test from 'ava';

import { Request, type UrlEntry } from '../../src/source/index.js';
import { nameBelow, pathOfHref } from '../../src/source/schemes/webdav/href.js';
import { parseWebdavDate } from '../../src/source/schemes/webdav/webdav-date.js';
import { type Asked, type Reply, startAnsweringServer } from '../support/answering-server.js';
import { failureOf, codeOf, read, stat, validatorsOf } from '../support/conformance/reading.js';
import { startFaultServer } from '../support/fault-server.js';
import {
  COLLECTION,
  DATE,
  DATE_MS,
  fileProperties,
  multistatus,
  row,
  serveFiles,
} from '../support/multistatus.js';
import { webdavClient } from '../support/webdav-client.js';

function shown({ name, isDir, size, lastModified, etag, digest }: UrlEntry): unknown {
  if (isDir) return `${name}/`;
  return [name, size, lastModified, etag, digest?.hex].filter((fact) => fact !== undefined);
}

const methods = (asked: readonly Asked[]): string[] =>
  asked.map(({ method, target }) => `${method} ${target}`);

const HREFS = `
  /d/a                          | a
  /d/a/                         | a
  http://other.example/d/a      | a
  HTTPS://other.example:444/d/a | a
  a                             | a
  ./a                           | a
  /d//a                         | a
  //d/a                         | a
  /d/a%20b                      | a b
  /d/a b                        | a b
  /d/a b%41                     | a b%41
  /d/%5bx%5D                    | [x]
  /d/[x]                        | [x]
  /d/caf%C3%A9                  | café
  /d/café                       | café
  %2fd%2fa                      | a
  /d%2Fa                        | a
  /d/100%                       | 100%
  /d/%2541                      | %41
  /d/a?b#c                      | a?b#c
  /d/a%3Fb%23c                  | a?b#c
  /d/a+b                        | a+b
  /d                            |
  /d/                           |
  http://other.example/d        |
  %2fd                          |
  /                             | none
  /e/a                          | none
  /da                           | none
  /d/a/b                        | none
  /d/a%2fb                      | none
  /d/..                         | none
  /d/../a                       | none
  /d/%2e%2e                     | none
  /d/.                          | none
  /d/a%00b                      | none
  http://other.example          | none
`;

for (const [href = '', name = ''] of HREFS.trim()
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))) {
  test(`the href ${href} names ${name === '' ? 'the directory itself' : name}`, (t) => {
    t.is(nameBelow(pathOfHref(href, '/d/'), '/d/') ?? 'none', name);
    t.is(nameBelow(pathOfHref(`\n  ${href}\t`, '/d/'), '/d/') ?? 'none', name);
  });
}

test('a name of up to 255 bytes is one, whatever its bytes are', (t) => {
  t.is(nameBelow(`/d/${'é'.repeat(127)}x`, '/d/')?.length, 128);
  t.is(nameBelow(`/d/${'é'.repeat(128)}`, '/d/'), undefined);
  t.is(nameBelow(pathOfHref('/d/%ff', '/d/'), '/d/'), '\udcff');
});

test('a date is read as servers write it, in whole seconds', (t) => {
  for (const text of [
    DATE,
    ' Mon, 2 Mar 2026 04:05:06 GMT\n',
    'Mon, 02 Mar 2026 04:05:06 +0000',
    'Mon, 02 Mar 2026 05:05:06 +0100',
    'Mon, 02 Mar 2026 04:05:06',
    'Mon, 02 Mar 2026 04:05:06 UTC',
    '2026-03-02T04:05:06Z',
    '2026-03-02T04:05:06.789Z',
    '2026-03-02T05:05:06+01:00',
    '2026-03-02T04:05:06',
    '2026-03-02 04:05:06',
    'Mon Mar  2 04:05:06 2026',
    'Mon Mar  2 04:05:06 GMT 2026',
    'Mon Mar  2 04:05:06 UTC 2026',
    'Monday, 02-Mar-26 04:05:06 GMT',
  ]) {
    t.is(parseWebdavDate(text), DATE_MS, text);
  }
  for (const text of ['', 'never', `${DATE}${' '.repeat(100)}x`])
    t.is(parseWebdavDate(text), undefined, text);
});

test('properties are those that the server says it has, wherever it says so', async (t) => {
  const none = '<D:getetag/><D:getcontentlength/>';
  const missing = (text: string): string =>
    `<D:propstat><D:prop>${text}</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>`;
  const { origin, asked } = await startAnsweringServer(t, () =>
    multistatus(
      // The directory itself need not be the first, nor need what says that it is one.
      `<D:response><D:href>/d/parts</D:href>${missing(none)}<D:propstat><D:status>HTTP/1.1 200 OK</D:status><D:prop>${fileProperties(3, '&quot;x&quot;')}</D:prop></D:propstat></D:response>`,
      `<D:response>${missing('<D:resourcetype><D:collection/></D:resourcetype>')}<D:href>/d/late</D:href><D:propstat><D:prop>${fileProperties(4)}</D:prop></D:propstat></D:response>`,
      row('/d/', COLLECTION),
      row('/d/dir', COLLECTION + '<D:getcontentlength>4096</D:getcontentlength>'),
      row('/d/dir%20too', '<D:iscollection>1</D:iscollection><D:resourcetype/>'),
      row('/d/weak', fileProperties(5, 'W/"y"')),
      row('/d/sizes', '<D:getcontentlength>-1</D:getcontentlength>'),
      row('/d/empty', fileProperties(0, '""')),
      row('/d/hidden/', fileProperties(6), 'HTTP/1.1 403 Forbidden'),
      row('/d/hidden', fileProperties(6), 'HTTP/1.1 403 Forbidden'),
      '<D:response><D:href>/d/gone</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>',
      '<x:response xmlns:x="DAV:"><x:href>/d/prefix</x:href><x:propstat><x:prop><x:resourcetype/></x:prop><x:status>HTTP/1.1 200 OK</x:status></x:propstat></x:response>',
    ),
  );
  const url = `${origin.replace('http', 'webdav')}/d`;
  const entries = await webdavClient(t).list(new Request(url));
  t.deepEqual(entries.map(shown), [
    ['parts', 3, DATE_MS],
    ['late', 4, DATE_MS],
    'dir/',
    'dir%20too/',
    ['weak', 5, DATE_MS],
    ['sizes'],
    ['empty', 0, DATE_MS],
    'hidden/',
    ['hidden'],
    ['prefix'],
  ]);
  t.deepEqual(methods(asked), ['PROPFIND /d/']);
  t.like(asked[0]?.header, { depth: '1', 'content-type': 'application/xml; charset=utf-8' });
  t.regex(asked[0]?.body ?? '', /<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype\/>/);
  t.false(asked[0]?.body.includes('owncloud'));
});

test('a server behind a proxy may call its paths otherwise', async (t) => {
  const { origin } = await startAnsweringServer(t, ({ header }) => {
    const files = [row('http://inside:8080/files/a', fileProperties(1)), row('/files/b/', COLLECTION)];
    return multistatus(
      row('http://inside:8080/files', COLLECTION),
      ...(header['depth'] === '1' ? files : []),
    );
  });
  const [client, url] = [webdavClient(t), `${origin.replace('http', 'webdav')}/d`];
  t.deepEqual((await client.list(new Request(url))).map(shown), [['a', 1, DATE_MS], 'b/']);
  t.is((await stat(client, url)).kind, 'directory');
});

test('a listing of which nothing is found below the directory is an error, and no empty directory', async (t) => {
  const own = row('/files/', COLLECTION);
  const files = [
    row('/files/a', fileProperties(1)),
    row('/files/b/', COLLECTION),
    row('/files/c', fileProperties(1)),
  ];
  for (const rows of [
    [...files, own],
    // Its first entry is taken for the directory.
    [...files.slice(1), own],
    files.slice(0, 1),
  ]) {
    const { origin } = await startAnsweringServer(t, () => multistatus(...rows));
    const request = new Request(`${origin.replace('http', 'webdav')}/d`);
    const error = await failureOf(webdavClient(t).list(request));
    t.is(error.code, 'PROTOCOL');
    t.regex(error.found ?? '', /^\/files\//);
  }
});

test('root of the rule is the path that stands for the root, and checksums of ownCloud are digests', async (t) => {
  const md5 = 'ab'.repeat(16);
  const checksums = `<oc:checksums xmlns:oc="http://owncloud.org/ns"><oc:checksum>SHA1:${'0'.repeat(40)} MD5:${md5} ADLER32:00000001</oc:checksum></oc:checksums>`;
  const header = { 'oc-checksum': `MD5:${md5.toUpperCase()}`, 'last-modified': DATE, 'content-length': '1' };
  const { origin, asked } = await startAnsweringServer(t, ({ method, target }) =>
    method === 'PROPFIND'
      ? multistatus(
          row('/remote.php/dav/ada%20l/', COLLECTION),
          row(`${target}f`, fileProperties(1) + checksums),
        )
      : { header, body: 'x' },
  );
  const settings = { root: '/remote.php/dav/ada%20l/' };
  const client = webdavClient(t, { settingsFor: () => settings });
  const url = `${origin.replace('http', 'dav')}/`;
  t.deepEqual((await client.list(new Request(url))).map(shown), [['f', 1, DATE_MS, md5]]);
  t.like(await stat(client, `${url}f`), { contentLength: 1, digest: { algorithm: 'md5', hex: md5 } });
  t.deepEqual(methods(asked), ['PROPFIND /remote.php/dav/ada%20l/', 'GET /remote.php/dav/ada%20l/f']);
  t.regex(asked[0]?.body ?? '', /<checksums xmlns="http:\/\/owncloud.org\/ns"\/>/);
});

test('listed tags are used as soon as a read has shown that they are its own', async (t) => {
  const { origin, asked } = await startAnsweringServer(
    t,
    serveFiles({ a: { content: 'aaaa', etag: '"a"' }, b: { content: 'bbbb', etag: '"b"' } }),
  );
  const [client, url] = [webdavClient(t), `${origin.replace('http', 'webdav')}/d`];
  const listed = async (): Promise<unknown> => (await client.list(new Request(url))).map(({ etag }) => etag);
  t.deepEqual(await listed(), [undefined, undefined]);
  asked.length = 0;
  // That it is a file was listed: one request.
  t.like(await stat(client, `${url}/a`), { kind: 'file', etag: '"a"', contentLength: 4 });
  t.deepEqual(methods(asked), ['GET /d/a']);
  t.deepEqual(await listed(), ['"a"', '"b"']);
  asked.length = 0;
  const pin = { etag: '"b"', contentLength: 4 };
  t.is((await read(client, `${url}/b`, { pin, range: { start: 1, end: 3 } })).toString(), 'bb');
  t.deepEqual(
    asked.map(({ header }) => [header.range, header['if-match']]),
    [['bytes=1-2', '"b"']],
  );
});

test('listed tags that are others than those of reads are not used, and reads are pinned by their own', async (t) => {
  const files = {
    a: { content: 'aaaa', etag: '"a"', listedEtag: '"listed-a"' },
    // Without its quotes it is the same.
    b: { content: 'bbbb', etag: '"b"', listedEtag: 'b' },
    // As a link that is listed with its own size.
    c: { content: 'cccc', etag: '"c"', listedEtag: '"listed-c"', listedSize: 9 },
  };
  const { origin, asked } = await startAnsweringServer(t, serveFiles(files));
  const url = `${origin.replace('http', 'webdav')}/d`;
  for (const [first, second] of [
    ['a', 'b'],
    ['b', 'a'],
    ['b', 'c'],
  ] as const) {
    const client = webdavClient(t);
    await client.list(new Request(url));
    for (const name of [first, second]) {
      const metadata = await stat(client, `${url}/${name}`);
      t.like(metadata, { etag: files[name].etag, contentLength: 4 });
      t.is(
        (await read(client, `${url}/${name}`, { pin: validatorsOf(metadata) })).toString(),
        files[name].content,
      );
    }
    const entries = await client.list(new Request(url));
    t.deepEqual(
      entries.map(({ etag }) => etag),
      [undefined, undefined, undefined],
    );
  }
  // What is not listed with the size of a read is queried again: it might be a directory.
  asked.length = 0;
  const client = webdavClient(t);
  await client.list(new Request(url));
  t.like(await stat(client, `${url}/c`), { contentLength: 4, etag: '"c"' });
  t.deepEqual(methods(asked), ['PROPFIND /d/', 'GET /d/c', 'PROPFIND /d/c', 'GET /d/c']);
});

test('a file that became a directory is one, however the server answers GET', async (t) => {
  for (const reply of [
    { status: 405, body: '' },
    { status: 200, body: '<html>x' },
    { status: 301, header: { location: '/d/a/' }, body: '' },
    { status: 400, body: '' },
  ] satisfies Reply[]) {
    let isDirectory = false;
    const files = serveFiles({ a: { content: 'aaaa' } });
    const { origin } = await startAnsweringServer(t, (asked) => {
      if (!isDirectory || asked.target === '/d/') return files(asked);
      return asked.method === 'GET' ? reply : multistatus(row('/d/a/', COLLECTION));
    });
    const [client, url] = [webdavClient(t), `${origin.replace('http', 'webdav')}/d`];
    await client.list(new Request(url));
    isDirectory = true;
    t.is((await stat(client, `${url}/a`)).kind, 'directory', `${reply.status}`);
  }
});

test('a directory may be found by a redirect to its slash, and is empty, or a file, as the server says', async (t) => {
  const { origin, asked } = await startAnsweringServer(t, ({ target }) => {
    if (target === '/d') return { status: 301, header: { location: '/d/' }, body: '' };
    return multistatus(row(target, target === '/d/' ? COLLECTION : fileProperties(1)));
  });
  const [client, url] = [webdavClient(t), origin.replace('http', 'webdav')];
  t.is((await stat(client, `${url}/d`)).kind, 'directory');
  t.deepEqual(methods(asked), ['PROPFIND /d']);
  t.deepEqual(await client.list(new Request(`${url}/d`)), []);
  t.deepEqual(await client.list(new Request(`${url}/f`)), []);
  t.is(await codeOf(stat(client, `${url}/f/`)), 'NOT_FOUND');
});

const STATUSES = `
  400 | UNEXPECTED_STATUS | UNEXPECTED_STATUS
  401 | ACCESS_DENIED     | ACCESS_DENIED
  403 | ACCESS_DENIED     | ACCESS_DENIED
  404 | NOT_FOUND         | NOT_FOUND
  410 | NOT_FOUND         | NOT_FOUND
  405 | PROTOCOL          | IS_DIRECTORY
  501 | PROTOCOL          | IS_DIRECTORY
  412 | CHANGED           | CHANGED
  423 | BUSY              | BUSY
  425 | BUSY              | BUSY
  429 | BUSY              | BUSY
  503 | BUSY              | BUSY
  500 | UNEXPECTED_STATUS | UNEXPECTED_STATUS
  507 | UNEXPECTED_STATUS | UNEXPECTED_STATUS
`;

for (const [status, queried, downloaded] of STATUSES.trim()
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))) {
  test(`status ${status} is ${queried} to a query and ${downloaded} to a read, and is tried again where that may help`, async (t) => {
    const { origin, asked } = await startAnsweringServer(t, () => ({ status: Number(status), body: 'x' }));
    const url = `${origin.replace('http', 'webdav')}/d/f`;
    const client = webdavClient(t, { retries: 1 });
    const tries = ['423', '425', '429', '500', '503'].includes(status ?? '') ? 2 : 1;
    for (const call of [stat(client, url), client.list(new Request(url))])
      t.is(await codeOf(call), queried ?? '');
    t.is(asked.length, 2 * tries);
    t.is(await codeOf(read(client, url)), downloaded ?? '');
    t.is(asked.length, 3 * tries);
  });
}

test('a page is no listing, and an error says what to look at', async (t) => {
  const { origin } = await startAnsweringServer(t, () => ({ body: '<html>Log in</html>' }));
  const url = `${origin.replace('http', 'webdav')}/d/f`;
  const error = await t.throwsAsync(webdavClient(t).list(new Request(url)), { code: 'PROTOCOL' });
  t.like(error, { found: 'status 200', expected: 'status 207 (check the path, and `root` of the rule)' });
});

test('what is locked for a moment is waited for', async (t) => {
  let locked = 2;
  const files = serveFiles({ a: { content: 'aaaa' } });
  const { origin } = await startAnsweringServer(t, (asked) => {
    locked -= 1;
    return locked >= 0 ? { status: 423, header: { 'retry-after': '0' }, body: '' } : files(asked);
  });
  t.is((await stat(webdavClient(t), `${origin.replace('http', 'webdav')}/d/a`)).contentLength, 4);
});

test('a listing is handed on while it comes', async (t) => {
  let release = (): void => undefined;
  const server = await startFaultServer(t, (_, response) => {
    response.writeHead(207, { 'content-type': 'application/xml' });
    response.write(`<D:multistatus xmlns:D="DAV:">${row('/d/', COLLECTION)}`);
    for (let i = 0; i < 3_000; i += 1) response.write(row(`/d/${i}`, fileProperties(i)));
    release = () => response.end(`${row('/d/last', COLLECTION)}</D:multistatus>`);
  });
  const pages: number[] = [];
  const request = new Request(`${server.origin.replace('http', 'webdav')}/d`);
  const rest = await webdavClient(t).list(request, (entries) => {
    pages.push(entries.length);
    // The server ends after the first page was taken.
    release();
    return Promise.resolve();
  });
  t.deepEqual(rest, []);
  t.true(pages.length >= 3, `${pages.length} pages`);
  t.is(
    pages.reduce((sum, count) => sum + count, 0),
    3_001,
  );
  t.is(server.requests.length, 1);
});

test('a listing that breaks is requested again while nothing of it was handed on, and is an error later', async (t) => {
  for (const [before, outcome] of [
    [10, 'no error'],
    [3_000, 'CONNECTION_LOST'],
  ] as const) {
    const server = await startFaultServer(t, (_, response, count) => {
      response.writeHead(207, { 'content-type': 'application/xml' });
      response.write(`<D:multistatus xmlns:D="DAV:">${row('/d/', COLLECTION)}`);
      for (let i = 0; i < before; i += 1) response.write(row(`/d/${i}`, fileProperties(i)));
      if (count === 1) setImmediate(() => response.write(' ', () => response.destroy()));
      else response.end('</D:multistatus>');
    });
    const request = new Request(`${server.origin.replace('http', 'webdav')}/d`);
    const listing = webdavClient(t).list(request, () => Promise.resolve());
    t.is(await codeOf(listing), outcome);
    t.is(server.requests.length, outcome === 'no error' ? 2 : 1);
  }
});
