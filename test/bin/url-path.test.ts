import test from 'ava';

import { pathOfUrl, urlOfPath } from '../../bin/url-path.js';

test('a URL has one path, and the path that URL', (t) => {
  const pairs = {
    'https://host/a/b.bin': '/https/host/a/b.bin',
    'http://host:8080/': '/http/host:8080',
    'https://host/a%20b/c': '/https/host/a b/c',
    'https://host/file?x=1&y=%2Fz': '/https/host/file?x=1&y=%2Fz',
    's3://Bucket_1/key%3Fv': '/s3/Bucket_1/key?v',
    's3://bucket/key?versionId=x': '/s3/bucket/key?versionId=x',
    'hf://Owner/repo/file': '/hf/Owner/repo/file',
  };
  for (const [url, path] of Object.entries(pairs)) {
    t.is(pathOfUrl(url), path, url);
    t.is(urlOfPath(path), url, path);
  }
});

test('what is written in another way has the same path', (t) => {
  t.is(pathOfUrl('HTTPS://Host'), '/https/host');
  t.is(pathOfUrl('https://host/dir/'), '/https/host/dir');
  t.is(pathOfUrl('https://host/a?x=/y#part'), '/https/host/a?x=%2Fy');
  t.is(urlOfPath('/https/host/dir', true), 'https://host/dir/');
});

test('what has no path or no URL is refused, without secrets', (t) => {
  for (const url of ['host/path', 'https://', 'https://host//a', '/mnt']) {
    t.throws(() => pathOfUrl(url), undefined, url);
  }
  const error = t.throws(() => pathOfUrl('https://user:hidden@host/'));
  t.notRegex(error.message, /hidden/);
  for (const path of ['', '/https', '/.plugins/https'])
    t.throws(() => urlOfPath(path), { message: /shows no URL/ });
});
