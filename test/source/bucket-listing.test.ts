import test from 'ava';

import { type ListingPage, ObjectListing } from '../../src/source/schemes/bucket/object-listing.js';
import { MalformedXml, XmlEvents } from '../../src/source/xml-events.js';

const BASE = new URL('s3://bucket/dir/');

async function pageOf(inner: string, prefix = 'dir/', base = BASE): Promise<ListingPage> {
  const listing = new ObjectListing();
  const events = new XmlEvents(listing);
  events.read(
    `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`,
  );
  events.end();
  return await listing.page(base, prefix, undefined);
}

function object(key: string, rest = ''): string {
  return `<Contents><Key>${key}</Key>${rest}</Contents>`;
}

function directory(prefix: string): string {
  return `<CommonPrefixes><Prefix>${prefix}</Prefix></CommonPrefixes>`;
}

async function namesOf(inner: string): Promise<string[]> {
  return (await pageOf(inner)).entries.map(({ name, isDir }) => `${name}${isDir ? '/' : ''}`);
}

test('an object has its size, time and tag, and a common prefix is a directory', async (t) => {
  const facts =
    '<LastModified>2026-11-28T21:00:01.789Z</LastModified><ETag>&quot;abc-2&quot;</ETag><Size>1234</Size>' +
    '<Owner><ID>x</ID></Owner><StorageClass>STANDARD</StorageClass>';
  const { entries, next } = await pageOf(object('dir/a b', facts) + directory('dir/sub/'));
  t.is(next, undefined);
  t.deepEqual(
    entries.map(({ name, url, isDir, size, lastModified, etag }) => [
      name,
      url.href,
      isDir,
      size,
      lastModified,
      etag,
    ]),
    [
      ['a%20b', 's3://bucket/dir/a%20b', false, 1234, Date.UTC(2026, 10, 28, 21, 0, 1), '"abc-2"'],
      ['sub', 's3://bucket/dir/sub/', true, undefined, undefined, undefined],
    ],
  );
});

test('facts that are not as they should be are left out', async (t) => {
  const { entries } = await pageOf(
    object('dir/a', '<LastModified>soon</LastModified><ETag>abc</ETag><Size>1e3</Size>') +
      object('dir/b', '<ETag>"a\nb"</ETag><Size>-1</Size>') +
      object('dir/c'),
  );
  for (const { size, lastModified, etag } of entries) {
    t.deepEqual([size, lastModified, etag], [undefined, undefined, undefined]);
  }
  t.deepEqual(
    entries.map(({ name }) => name),
    ['a', 'b', 'c'],
  );
});

test('keys are decoded as a form where the answer says so, also at its end, and nowhere else', async (t) => {
  const keys = object('dir/a+b%2B%41%C3%A9') + directory('dir/x+y%25/');
  t.deepEqual(await namesOf(keys), ['a%2Bb%252B%2541%25C3%25A9', 'x%2By%2525/']);
  const encoded = ['a%20b%2BA%C3%A9', 'x%20y%25/'];
  t.deepEqual(await namesOf(`<EncodingType>url</EncodingType>${keys}`), encoded);
  t.deepEqual(await namesOf(`${keys}<EncodingType>url</EncodingType>`), encoded);
});

test('every character of a key has its way into the name and back', async (t) => {
  const key = 'dir/ !"#$%&\'()*+,-.:;<=>?@[\\]^_`{|}~\u0001\n\u007fé😀';
  const written = encodeURIComponent(key).replaceAll('%20', '+');
  const { entries } = await pageOf(`<EncodingType>url</EncodingType>${object(written)}`);
  t.is(decodeURIComponent(entries[0]?.name ?? ''), key.slice('dir/'.length));
  t.is(decodeURIComponent(entries[0]?.url.pathname.slice(1) ?? ''), key);
  t.is(entries[0]?.url.href, `s3://bucket/dir/${entries[0]?.name}`);
});

test('keys that no file can have as a name are skipped, and one of them is shown', async (t) => {
  const page = await pageOf(
    [
      object('dir/'),
      object('dir/ok'),
      object('dir/..'),
      object('other/x'),
      object('dir/sub/deep'),
      object(`dir/${'n'.repeat(256)}`),
      object(`dir/${'é'.repeat(128)}`),
      directory('dir//'),
      directory('dir/./'),
      directory('dir/../'),
    ].join(''),
  );
  t.deepEqual(
    page.entries.map(({ name }) => name),
    ['ok'],
  );
  t.is(page.unusableKey, 'dir/../');
  t.is(page.keys, 10);
  const withNul = await pageOf(`<EncodingType>url</EncodingType>${object('dir/a%00b')}`);
  t.deepEqual([withNul.entries.length, withNul.unusableKey], [0, 'dir/a\0b']);
  t.is((await pageOf(object('dir/'))).unusableKey, undefined, 'the marker of the directory itself');
});

test('the next page begins at the token, as it came', async (t) => {
  const next = '<IsTruncated>true</IsTruncated><NextContinuationToken>a+b%2F=&amp;</NextContinuationToken>';
  const page = await pageOf(
    `<EncodingType>url</EncodingType><KeyCount>1</KeyCount>${next}${object('dir/a')}`,
  );
  t.deepEqual(page.next, { by: 'token', value: 'a+b%2F=&' });
});

test('in the first version the next page begins at the decoded marker, or at the last name', async (t) => {
  const isTruncated = '<IsTruncated>true</IsTruncated>';
  const isEncoded = '<EncodingType>url</EncodingType>';
  const marker = `${isEncoded}${isTruncated}<NextMarker>dir/a+b%2Bc</NextMarker>${object('dir/z')}`;
  t.deepEqual((await pageOf(marker)).next, { by: 'marker', value: 'dir/a b+c' });
  const byKey = `${isEncoded}${isTruncated}${object('dir/a')}${object('dir/x%2B')}${directory('dir/sub/')}`;
  t.deepEqual((await pageOf(byKey)).next, { by: 'marker', value: 'dir/x+' });
  const byPrefix = `${isTruncated}${object('dir/a')}${directory('dir/sub/')}`;
  t.deepEqual((await pageOf(byPrefix)).next, { by: 'marker', value: 'dir/sub/' });
  // By bytes, not by UTF-16: U+FF41 is before U+1F600.
  const wide = `${isTruncated}${object('dir/\u{1f600}')}${directory('dir/\uff41/')}`;
  t.deepEqual((await pageOf(wide)).next, { by: 'marker', value: 'dir/\u{1f600}' });
});

test('a truncated page that names no next one is malformed, and so is another document', async (t) => {
  await t.throwsAsync(pageOf('<KeyCount>1</KeyCount><IsTruncated>true</IsTruncated>'), {
    instanceOf: MalformedXml,
  });
  await t.throwsAsync(pageOf('<IsTruncated>true</IsTruncated>'), { instanceOf: MalformedXml });
  const events = new XmlEvents(new ObjectListing());
  t.throws(() => events.read('<html><body>'), { instanceOf: MalformedXml, message: 'html' });
});

test('an error in place of a listing is that error', (t) => {
  const listing = new ObjectListing();
  const events = new XmlEvents(listing);
  events.read('<Error><Code>InternalError</Code><Message>try again</Message></Error>');
  events.end();
  t.is(listing.error?.code, 'InternalError');
});
