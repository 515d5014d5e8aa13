import test from 'ava';

import { pathOfUrl, urlOfPath } from '../../bin/url-path.js';
import { mountRoot, type MountRoot } from '../../src/mount/mount-root.js';
import { rootOptions } from '../../src/mount/root-option.js';
import { DEFAULT_CAPABILITIES } from '../../src/source/index.js';

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
  t.is(pathOfUrl('s3://lake/a b/é"'), '/s3/lake/a b/é"');
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

test('below a root, the path of a URL begins there', (t) => {
  const root = (...texts: string[]): MountRoot | undefined =>
    mountRoot(rootOptions(texts), () => DEFAULT_CAPABILITIES);
  const one = root('https://host/a%20b');
  t.is(pathOfUrl('https://host/a%20b/c/d?x=1', one), '/c/d?x=1');
  t.is(pathOfUrl('https://host/a%20b/', one), '');
  t.is(urlOfPath('/c/d?x=1', false, one), 'https://host/a%20b/c/d?x=1');
  t.is(urlOfPath('', false, one), 'https://host/a%20b/');
  const several = root('x=https://host/a', 'y=http://other');
  t.is(pathOfUrl('http://other/b', several), '/y/b');
  t.is(urlOfPath('/x/https', false, several), 'https://host/a/https');
  for (const url of ['https://host/ab', 'https://other/b', 'http://host/a']) {
    t.throws(() => pathOfUrl(url, several), { message: /in no root/ }, url);
  }
  for (const path of ['', '/https/host', '/.plugins']) {
    t.throws(() => urlOfPath(path, false, several), { message: /needs the name of a root/ });
  }
});
