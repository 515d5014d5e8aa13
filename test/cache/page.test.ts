import test from 'ava';

import { isPage } from '../../src/cache/page.js';

const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json';

// S19
test('a page is what may have others below its URL', (t) => {
  for (const [url, type] of [
    ['http://h/docs', HTML],
    ['http://h/owner/next.js', HTML],
    ['http://h/index.php', 'Text/HTML'],
    ['http://h/api/users', JSON_TYPE],
    ['http://h/api/users', 'application/hal+json'],
    ['http://bucket/', 'application/xml'],
    ['http://h/docs', 'application/xhtml+xml'],
  ] as const) {
    t.true(isPage(url, type), `${url} ${type}`);
  }
  for (const [url, type] of [
    ['http://h/index.html', HTML],
    ['http://h/INDEX.HTM', HTML],
    ['http://h/users.json', JSON_TYPE],
    ['http://h/README', 'text/plain'],
    ['http://h/data', 'application/octet-stream'],
    ['http://h/data', undefined],
    ['http://h/data', 'application/jsonx'],
  ] as const) {
    t.false(isPage(url, type), `${url} ${String(type)}`);
  }
});
