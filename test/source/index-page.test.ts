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

test('times are taken of nginx alone: those of others are of a time zone that they do not say', async (t) => {
  const page = `<title>Index of /dir</title><pre><img src="x"> <a href="?C=N;O=D">Name</a> <a href="/">Parent Directory</a>
<a href="x.txt">x.txt</a>  23-Nov-2026 21:40   12
</pre>`;
  t.like(await parseIndexPage(page, 'text/html', URL_OF_PAGE), [
    { name: 'x.txt', size: 12, lastModified: undefined },
  ]);
});

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

test('of a page that does not say that it is an index, links count that show the names they lead to', async (t) => {
  // As Go's http.FileServer writes it, which has no heading.
  const go = `<!doctype html>
<meta name="viewport" content="width=device-width">
<pre>
<a href="sub/">sub/</a>
<a href="a%20b%23c.bin">a b#c.bin</a>
<a href="caf%E9">caf\ufffd</a>
<a href="./co:lon">co:lon</a>
<a href="%3Cb%3E&amp;.txt">&lt;b&gt;&amp;.txt</a>
<a href="about">About us</a><a href="../">../</a><a href="/dir/">dir</a><a href="//evil/x">x</a><a href="javascript:x">x</a>
<a href="deep/x">x</a><a href="http://other/dir/x">x</a><a href="%2e%2e">..</a><a href="x?y">x</a><a href="">/</a>
</pre>`;
  const entries = await parseIndexPage(go, 'text/html', URL_OF_PAGE);
  t.deepEqual(
    entries.map(({ name, isDir }) => [name, isDir]),
    [
      ['sub', true],
      ['a%20b%23c.bin', false],
      ['caf%E9', false],
      ['co:lon', false],
      ['%3Cb%3E&.txt', false],
    ],
  );
});

test('a row states its own size and time alone, and only where they are exact', async (t) => {
  // From rclone 1.60 and http-server 14.1.1, shortened. http-server has the columns before the name, in local time.
  const rclone = `<title>/</title><h1><a href="">/</a></h1><table>
<tr><td><span class="name"><a href="..">Go up</a></span></td></tr>
<tr class="file"><td><svg/><span class="name"><a href="plaindir/">plaindir/</a></span></td><td data-order="-1">&mdash;</td>
<td><time datetime="2026-11-29 10:38:24.952844375 &#43;0000 UTC">2026-11-29 10:38:24.952844375 &#43;0000 UTC</time></td></tr>
<tr class="file"><td><svg/><span class="name"><a href="plain.txt">plain.txt</a></span></td><td data-order="37"><size>37</size></td>
<td><time datetime="2026-11-29 10:38:24.947242966 &#43;0200 CEST">2026-11-29 10:38:24.947242966 &#43;0200 CEST</time></td></tr>
<tr class="file"><td><span class="name"><a href="odd">odd</a></span></td><td><size>-1</size></td><td><time datetime="yesterday">x</time></td></tr></table>`;
  const entries = await parseIndexPage(rclone, 'text/html', URL_OF_PAGE);
  t.deepEqual(
    entries.map(({ name, size, lastModified }) => [name, size, lastModified]),
    [
      ['plaindir', undefined, undefined],
      ['plain.txt', 37, Date.UTC(2026, 10, 29, 8, 38, 24)],
      ['odd', undefined, undefined],
    ],
  );
  const row = (date: string, size: string, name: string): string =>
    `<tr><td class="last-modified">${date}</td><td class="file-size"><code>${size}</code></td><td class="display-name"><a href="./${name}">${name}</a></td></tr>`;
  const server = `<title>Index of /x</title><h1>Index of /x</h1><table>${row('29-Nov-2026 10:38', '', '../')}
${row('29-Nov-2026 10:38', '37', 'a')}
${row('29-Nov-2026 10:39', '120.6k', 'b')}</table>`;
  t.deepEqual(
    (await parseIndexPage(server, 'text/html', URL_OF_PAGE)).map(({ name, size, lastModified }) => [
      name,
      size,
      lastModified,
    ]),
    [
      ['a', undefined, undefined],
      ['b', undefined, undefined],
    ],
  );
});

test('an index of packages names files of its own directory', async (t) => {
  // PEP 503, as simple indexes write it.
  const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const page = `<!DOCTYPE html><html><head><title>Links for foo</title></head><body><h1>Links for foo</h1>
<a href="foo-1.0.tar.gz#sha256=${sha256}">foo-1.0.tar.gz</a><br/>
<a href="foo%2B1.whl#sha256=${sha256}" data-requires-python="&gt;=3.8">foo+1.whl</a><br/>
<a href="../../packages/foo-2.0.tar.gz#sha256=${sha256}">foo-2.0.tar.gz</a><a href="#top">top</a><a href="x#y">x</a></body></html>`;
  const names = (await parseIndexPage(page, 'text/html', URL_OF_PAGE)).map(({ name }) => name);
  t.deepEqual(names, ['foo-1.0.tar.gz', 'foo%2B1.whl']);
  const root = '<title>Simple index</title><a href="/dir/zope-interface/">zope.interface</a>';
  t.like(await parseIndexPage(root, 'text/html', URL_OF_PAGE), [{ name: 'zope-interface', isDir: true }]);
});

test("the JSON of Node's serve has names, and no exact sizes", async (t) => {
  // From serve-handler 6.1.7, shortened.
  const json = `{"files":[{"base":"..","relative":"..","title":"..","ext":"","type":"directory"},
{"base":"what?#.txt","ext":"txt","name":"what?#","relative":"/dir/what?#.txt","type":"file","size":"37 B","title":"x"},
{"base":"sub/","ext":"","relative":"/dir/sub/","type":"folder","title":"sub/"}],"directory":"dir/","paths":[]}`;
  t.deepEqual(
    (await parseIndexPage(json, 'application/json', URL_OF_PAGE)).map(({ name, isDir, size }) => [
      name,
      isDir,
      size,
    ]),
    [
      ['what%3F%23.txt', false, undefined],
      ['sub', true, undefined],
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
  t.deepEqual(await parseIndexPage('<title>Shop</title><a href="x">The x</a>', 'text/html', URL_OF_PAGE), []);
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
