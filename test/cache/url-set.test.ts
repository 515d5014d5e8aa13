import test from 'ava';

import { UrlSet } from '../../src/cache/url-set.js';

test('a set of URLs has what is at and below each, and nothing that only begins alike', (t) => {
  const urls = new UrlSet(['https://h/a', 'ftp:', 's3://bucket']);
  for (const url of ['https://h/a', 'https://h/a/b?c', 'ftp://any/thing', 's3://bucket', 's3://bucket/key']) {
    t.true(urls.has(url), url);
  }
  for (const url of [
    'https://h/ab',
    'https://h',
    'http://h/a',
    'ftps://h',
    's3://bucket2/key',
    'https://h/a?x',
  ]) {
    t.false(urls.has(url), url);
  }
  t.true(urls.hasEntryOf('https://h'));
  t.false(urls.hasEntryOf('https://h/a'));
  t.true(new UrlSet(['']).has('x://y'));
  t.is(urls.resources, undefined);
  t.deepEqual(new UrlSet(['https://h/a']).resources, ['https://h/a']);
});
