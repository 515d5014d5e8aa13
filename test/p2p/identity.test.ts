import test from 'ava';

import { p2pHeader } from '../../src/source/p2p/p2p-header.js';
import { splitSignature } from '../../src/source/p2p/signature-parameters.js';
import { taskIdentity } from '../../src/source/p2p/task-identity.js';
import type { Validators } from '../../src/source/request.js';

const URL_TEXT = 'https://host/path/file.bin?versionId=1';
const PIN: Validators = { etag: '"v1"', lastModifiedMs: 1_000_000_000_000, contentLength: 100 };

function identity(url = URL_TEXT, pin = PIN, scope?: string): string {
  return taskIdentity(new URL(url), pin, scope);
}

test('a task is another with another URL, version, length or scope', (t) => {
  const { etag: _, ...timed } = PIN;
  const others = [
    identity(),
    identity('https://host/path/file.bin?versionId=2'),
    identity('http://host/path/file.bin?versionId=1'),
    identity('https://host/path/File.bin?versionId=1'),
    identity(URL_TEXT, { ...PIN, etag: '"v2"' }),
    identity(URL_TEXT, { ...PIN, contentLength: 101 }),
    identity(URL_TEXT, PIN, 'team'),
    identity(URL_TEXT, PIN, 'other team'),
    identity(URL_TEXT, timed),
    identity(URL_TEXT, { ...timed, lastModifiedMs: 1_000_000_001_000 }),
  ];
  t.is(new Set(others).size, others.length);
  for (const one of others) t.regex(one, /^[0-9a-f]{64}$/);
});

test('the same version is the same task, whichever node found it', (t) => {
  // A listing has the tag, and not the time.
  t.is(identity(URL_TEXT, { etag: '"v1"', contentLength: 100 }), identity());
  t.is(identity(`${URL_TEXT}#fragment`), identity());
});

const SIGNATURES = [
  'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=1&X-Amz-Expires=2&X-Amz-SignedHeaders=host&X-Amz-Security-Token=t&X-Amz-Signature=s',
  'X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a&X-Goog-Date=1&X-Goog-Expires=2&X-Goog-SignedHeaders=host&X-Goog-Signature=s',
  'x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=c&x-oss-date=1&x-oss-expires=2&x-oss-security-token=t&x-oss-signature=s',
  'OSSAccessKeyId=a&Expires=1&Signature=s&security-token=t',
  'AccessKeyId=a&Expires=1&Signature=s&x-obs-security-token=t',
  'AWSAccessKeyId=a&Expires=1&Signature=s',
  'Expires=1&Signature=s&Key-Pair-Id=k',
  'Policy=p&Signature=s&Key-Pair-Id=k',
  'q-sign-algorithm=sha1&q-ak=a&q-sign-time=1%3B2&q-key-time=1%3B2&q-header-list=host&q-url-param-list=&q-signature=s&x-cos-security-token=t',
  'sv=2025-01-05&se=2026&sr=b&sp=r&spr=https&sig=s',
];

test('a signature makes no other task', (t) => {
  for (const signature of SIGNATURES) {
    t.is(identity(`${URL_TEXT}&${signature}`), identity(), signature);
    t.is(identity(`https://host/path/file.bin?${signature}&versionId=1`), identity(), signature);
    t.true(splitSignature(new URL(`https://h/?${signature}`)).isSigned, signature);
  }
});

test('what is no signature makes another task', (t) => {
  for (const query of [
    'x-oss-process=image%2Fresize',
    'expires=1&policy=2',
    'signature=1',
    'sig=1',
    'sv=1&sr=2',
    'token=t',
  ]) {
    t.not(identity(`${URL_TEXT}&${query}`), identity(), query);
    t.false(splitSignature(new URL(`https://h/?${query}`)).isSigned, query);
  }
  const signed = new URL(`https://h/?x-oss-process=image&${SIGNATURES[2]}`);
  t.is(splitSignature(signed).url.search, '?x-oss-process=image');
});

test('a request for all of a version has its condition, and no range', (t) => {
  t.deepEqual(p2pHeader({ identity: 'id', priority: 'foreground', range: undefined, pin: PIN }), {
    'x-dragonfly-use-p2p': 'true',
    'x-dragonfly-tag': 'd7y-mount',
    'x-dragonfly-application': 'd7y-mount',
    'x-dragonfly-priority': '6',
    'x-dragonfly-content-for-calculating-task-id': 'id',
    'accept-encoding': 'identity',
    'if-match': '"v1"',
  });
});

test('a request for a part asks for the whole in the background, and a prefetch waits for others', (t) => {
  const { etag: _, ...pin } = PIN;
  const header = p2pHeader({ identity: 'id', priority: 'background', range: { start: 0, end: 10 }, pin });
  t.like(header, {
    'x-dragonfly-priority': '3',
    'x-dragonfly-prefetch': 'true',
    range: 'bytes=0-9',
    'if-unmodified-since': 'Sun, 09 Sep 2001 01:46:40 GMT',
  });
  t.false('if-match' in header);
  const named = p2pHeader({ identity: 'id', priority: 'foreground', range: undefined, pin: undefined });
  t.false('if-match' in named || 'if-unmodified-since' in named);
});
