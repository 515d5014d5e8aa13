import test from 'ava';

import { bytesOfText, percentEncodedToAscii } from '../../src/source/byte-text.js';
import { HtmlIndex } from '../../src/source/http/html-index.js';
import { IndexPage } from '../../src/source/http/index-page.js';
import { NginxIndex } from '../../src/source/http/nginx-index.js';
import type { UrlEntry } from '../../src/source/index.js';

const URL_OF_PAGE = new URL('http://host/dir/');

async function parseIndexPage(
  body: string,
  contentType: string | null,
  url: URL,
  chunkBytes = Infinity,
): Promise<readonly UrlEntry[]> {
  const page = new IndexPage(contentType, url);
  const bytes = bytesOfText(body);
  for (let at = 0; at < bytes.length; at += chunkBytes) await page.write(bytes.subarray(at, at + chunkBytes));
  return await page.end();
}

// S30
test('nginx pages give exact sizes, and times to the minute', async (t) => {
  const page = `<html><head><title>Index of /dir/</title></head><body><h1>Index of /dir/</h1><hr><pre>
<a href="../">../</a>
<a href="sub/">sub/</a>                     23-Nov-2026 21:40       -
<a href="a%20b%23c.bin">a b#c.bin</a>       23-Nov-2026 21:40    1234
<a href="big.bin">big.bin</a>               23-Nov-2026 21:41    1.2G
</pre></body></html>`;
  t.like(await parseIndexPage(page, 'text/html', URL_OF_PAGE), [
    { name: 'sub', isDir: true },
    { name: 'a%20b%23c.bin', isDir: false, size: 1234, lastModified: Date.UTC(2026, 10, 23, 21, 40) },
    { name: 'big.bin', isDir: false, lastModifiedPrecisionMs: 60_000 },
  ]);
  t.is((await parseIndexPage(page, 'text/html', URL_OF_PAGE))[2]?.size, undefined);
});

const NGINX_LINES = [
  'a.bin',
  '%25',
  '100%25.txt',
  'a%3fb%23c',
  '%e6%97%a5',
  '...',
  '.hidden',
  'it%27s',
  'a%2fb',
  'zz%zz',
  'sub/',
  '.../',
  'a.bin',
].flatMap((href) =>
  [
    '23-Nov-2026 21:40                 123',
    '01-Jan-1970 00:00                   -',
    '29-Feb-2028 23:59  1.2G',
  ].map((columns) => `<a href="${href}">${href.slice(0, 8)}..&gt;</a>     ${columns}\r\n`),
);

function nginxPage(lines: readonly string[]): string {
  const title = 'Index of /dir/';
  return `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<h1>${title}</h1><hr><pre><a href="../">../</a>\r\n${lines.join('')}</pre><hr></body>\r\n</html>\r\n`;
}

test("nginx's own form is read as HTML would be, also where it is not quite that form", async (t) => {
  const strange = [
    ...['%2e%2e', '%2E', '.', '..', '%2e%2e/', './'].map(
      (href) => `<a href="${href}">x</a>  23-Nov-2026 21:40  1\r\n`,
    ),
    '<a href="x">x</a>  23-Foo-2026 21:40  1\r\n',
    '<a href="a&amp;b">x</a>  23-Nov-2026 21:40  1\r\n',
    '<a href="x"><b>x</b></a>  23-Nov-2026 21:40  1\r\n',
    '<a href="http://other/x">x</a>  23-Nov-2026 21:40  1\r\n',
    '<a href="x">x</a>  23-Nov-2026 21:40  1 GB\r\n',
    '<!-- <a href="x">x</a> -->\r\n',
  ];
  const pages = [[], NGINX_LINES, ...strange.map((line) => [...NGINX_LINES, line, ...NGINX_LINES])].map(
    nginxPage,
  );
  for (const page of [...pages, nginxPage(NGINX_LINES).slice(0, -60)]) {
    const asHtml = await parseIndexPage(`<!-- of no form -->${page}`, 'text/html', URL_OF_PAGE);
    t.deepEqual(await parseIndexPage(page, 'text/html', URL_OF_PAGE), asHtml);
  }
  const entries = await parseIndexPage(nginxPage(NGINX_LINES), 'text/html', URL_OF_PAGE);
  t.is(entries.length, NGINX_LINES.length);
  for (const { name, url, isDir } of entries) {
    t.is(url.href, `${URL_OF_PAGE.href}${name}${isDir ? '/' : ''}`);
  }
});

test('Apache pages give names, and sizes only where they are exact', async (t) => {
  const page = `<html><head><title>Index of /dir</title></head><body><h1>Index of /dir</h1><table>
<tr><th><a href="?C=N;O=D">Name</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td></tr>
<tr><td><a href="x.txt">x.txt</a></td><td align="right">2026-11-23 21:40  </td><td align="right"> 12 </td></tr>
<tr><td><a href="y.bin">y.bin</a></td><td align="right">2026-11-23 21:40  </td><td align="right">1.2K</td></tr>
</table></body></html>`;
  const entries = await parseIndexPage(page, 'text/html;charset=UTF-8', URL_OF_PAGE);
  t.deepEqual(
    entries.map(({ name, size, lastModified }) => ({ name, size, lastModified })),
    [
      { name: 'x.txt', size: 12, lastModified: undefined },
      { name: 'y.bin', size: undefined, lastModified: undefined },
    ],
  );
});

test("nginx's JSON gives sizes and times", async (t) => {
  const json = JSON.stringify([
    { name: 'sub', type: 'directory', mtime: 'Mon, 23 Nov 2026 21:40:12 GMT' },
    { name: '100%.txt', type: 'file', mtime: 'Mon, 23 Nov 2026 21:40:12 GMT', size: 7 },
    { name: '../up', type: 'file', size: 1 },
  ]);
  t.like(await parseIndexPage(json, 'application/json', URL_OF_PAGE), [
    { name: 'sub', isDir: true },
    { name: '100%25.txt', isDir: false, size: 7, lastModified: Date.UTC(2026, 10, 23, 21, 40, 12) },
  ]);
});

test("Caddy's JSON names directories by a slash, and gives the bytes of names in their URLs", async (t) => {
  // From Caddy 2.6.2.
  const json = `[{"name":"sub/","size":4096,"url":"./sub/","mod_time":"2026-11-28T14:57:25.404995883Z","mode":2147484141,"is_dir":true,"is_symlink":false},
{"name":"caf\\ufffd","size":1,"url":"./caf%E9","mod_time":"2026-11-28T14:57:25.540755925Z","mode":420,"is_dir":false,"is_symlink":false},
{"name":"x%y","size":0,"url":"./x%25y","mod_time":"2026-11-28T14:57:25.408995883Z","mode":420,"is_dir":false,"is_symlink":false}]`;
  const entries = await parseIndexPage(json, 'application/json; charset=utf-8', URL_OF_PAGE);
  t.deepEqual(
    entries.map(({ name, isDir, size, lastModified }) => [name, isDir, size, lastModified]),
    [
      ['sub', true, undefined, Date.UTC(2026, 10, 28, 14, 57, 25)],
      ['caf%E9', false, 1, Date.UTC(2026, 10, 28, 14, 57, 25)],
      ['x%25y', false, 0, Date.UTC(2026, 10, 28, 14, 57, 25)],
    ],
  );
  const bare = await parseIndexPage('[{"name":"sub/"},{"name":"a/"},{"name":"/"}]', null, URL_OF_PAGE);
  t.deepEqual(
    bare.map(({ name, isDir }) => [name, isDir]),
    [
      ['sub', true],
      ['a', true],
    ],
  );
});

test('bytes of a page that are not UTF-8 stay what they are', async (t) => {
  const latin1 = '<title>Index of /</title><a href="caf\udce9.txt">x</a><a href="\u00fc&#xfc;&#252;">x</a>';
  const names = (await parseIndexPage(latin1, 'text/html', URL_OF_PAGE)).map(({ name }) => name);
  t.deepEqual(names, ['caf%E9.txt', '%C3%BC%C3%BC%C3%BC']);
  const json = await parseIndexPage('[{"name":"caf\udce9 x.txt"}]', 'application/json', URL_OF_PAGE);
  t.deepEqual(
    json.map(({ name }) => name),
    ['caf%E9%20x.txt'],
  );
});

test('a row of JSON that is odd spoils no other', async (t) => {
  const rows = [
    { name: 'x\ud800', type: 'file', size: 1 },
    { name: 'negative', type: 'file', size: -5, mtime: 'Thu, 01 Jan 1900 00:00:00 GMT' },
    { name: 'time', type: 'file', size: 2, mtime: { toString: 1 } },
    null,
    { name: 'last', type: 'file', size: 3 },
  ];
  const entries = await parseIndexPage(JSON.stringify(rows), 'application/json', URL_OF_PAGE);
  t.deepEqual(
    entries.map(({ name, size, lastModified }) => [name, size, lastModified]),
    [
      ['negative', undefined, undefined],
      ['time', 2, undefined],
      ['last', 3, undefined],
    ],
  );
});

test('a page that is no index has no entries, nor have links that leave the directory', async (t) => {
  t.deepEqual(await parseIndexPage('<title>Shop</title><a href="x">x</a>', 'text/html', URL_OF_PAGE), []);
  t.deepEqual(await parseIndexPage('{"not": "a list"}', 'application/json', URL_OF_PAGE), []);
  t.deepEqual(await parseIndexPage('[broken', 'application/json', URL_OF_PAGE), []);
  const links = [
    '../x',
    '/x',
    'a/b',
    'http://other/dir/x',
    '%2e%2e/x',
    'javascript:x',
    'x?y',
    '',
    'http://[',
  ];
  const page = `<title>Index of /dir</title>${links.map((href) => `<a href="${href}">l</a>`).join('\n')}`;
  t.deepEqual(await parseIndexPage(page, 'text/html', URL_OF_PAGE), []);
});

test('a page is read the same in pieces of any length', (t) => {
  const read = (reader: HtmlIndex | NginxIndex, pieces: readonly string[]): unknown[] =>
    [...pieces.flatMap((piece) => reader.read(piece)), ...reader.end()].map(
      ({ name, isDir, size, lastModified }) => [name, isDir, size, lastModified],
    );
  const strange =
    '<!-- <a href="no">x</a> --><script>"</a><a href=no></script ><a title=\'>\' href="y&amp;z">y</a>\r\n';
  const page = nginxPage([...NGINX_LINES, strange, ...NGINX_LINES]);
  const whole = read(new HtmlIndex(URL_OF_PAGE), [page]);
  t.is(whole.length, 2 * NGINX_LINES.length + 1);
  const headChars = nginxPage([]).indexOf('</pre>');
  for (const chars of [1, 2, 7, 100, 1_000]) {
    const pieces = page.slice(headChars).match(new RegExp(`[^]{1,${chars}}`, 'g')) ?? [];
    t.deepEqual(read(new HtmlIndex(URL_OF_PAGE), [page.slice(0, headChars), ...pieces]), whole);
    // The whole head is in the first piece of a page.
    t.deepEqual(read(new NginxIndex(URL_OF_PAGE), [page.slice(0, headChars), ...pieces]), whole);
  }
});

test('characters and bytes are whole wherever a body is cut', async (t) => {
  const names = Array.from({ length: 1_500 }, (_, i) => `${'é'.repeat(i % 7)}日本\udcff${i}`);
  const page = `<title>Index of /</title>${names.map((name) => `<a href="${name}">x</a>\n`).join('')}`;
  for (const chunkBytes of [7, 1_000, 16_385, Infinity]) {
    const entries = await parseIndexPage(page, 'text/html', URL_OF_PAGE, chunkBytes);
    t.deepEqual(
      entries.map(({ name }) => name),
      names.map((name) => percentEncodedToAscii(name)),
    );
  }
});
