import test from 'ava';

import type { ByteRange } from '../../src/source/byte-range.js';
import { DialectReader } from '../../src/source/http/dialect-reader.js';
import { HeaderFields } from '../../src/source/http/header-fields.js';
import type { HttpAnswer, HttpEngine } from '../../src/source/http/http-engine.js';
import type { HttpDialect } from '../../src/source/http/http-resource.js';
import { type ContentRange, isLastModifiedWeak, validatorsOf } from '../../src/source/http/response-check.js';
import type { Validators } from '../../src/source/index.js';

/** As http does, or another dialect. */
function checkResponse(
  head: Pick<HttpAnswer, 'status' | 'header'>,
  url: URL,
  range: ByteRange | undefined,
  pin: Validators | undefined,
  dialect: Partial<HttpDialect> = {},
): ContentRange {
  const reader = new DialectReader({} as HttpEngine, { targetOf: () => ({ url }), ...dialect });
  const answer = { ...head, body: { cancel: () => undefined } } as HttpAnswer;
  return reader.check(answer, { url, range, pin });
}

function timeOf(text: string): number | undefined {
  const header = new HeaderFields();
  header.set('last-modified', text);
  return validatorsOf(header).lastModifiedMs;
}

test('a date is read in its usual form, and in others', (t) => {
  const ms = Date.UTC(1994, 10, 6, 8, 49, 37);
  t.is(timeOf('Sun, 06 Nov 1994 08:49:37 GMT'), ms);
  t.is(timeOf('Sunday, 06-Nov-94 08:49:37 GMT'), ms);
  t.is(timeOf('Sun Nov  6 08:49:37 1994 GMT'), ms);
});

test.serial('a date that names no zone is GMT, wherever it is read', (t) => {
  const { TZ: usual } = process.env;
  process.env['TZ'] = 'America/New_York';
  t.teardown(() => {
    if (usual === undefined) delete process.env['TZ'];
    else process.env['TZ'] = usual;
  });
  t.not(new Date(0).getTimezoneOffset(), 0);
  t.is(timeOf('Sun Nov  6 08:49:37 1994'), Date.UTC(1994, 10, 6, 8, 49, 37));
  t.is(timeOf('Wed Nov 16 08:49:37 1994'), Date.UTC(1994, 10, 16, 8, 49, 37));
});

test('dates of all months are read as they are written', (t) => {
  for (let month = 0; month < 12; month += 1) {
    const ms = Date.UTC(2024, month, 29, 23, 59, 59);
    t.is(timeOf(new Date(ms).toUTCString()), ms);
  }
});

// S38
test('a Last-Modified of the second of the answer is a weak validator', (t) => {
  const header = new HeaderFields();
  header.set('date', 'Sun, 06 Nov 1994 08:49:37 GMT');
  const ms = Date.UTC(1994, 10, 6, 8, 49, 37);
  t.true(isLastModifiedWeak(ms, header));
  t.false(isLastModifiedWeak(ms - 1_000, header));
  t.false(isLastModifiedWeak(ms + 86_400_000, header), 'a file from the future');
  t.true(isLastModifiedWeak(Date.now(), new HeaderFields()), 'without a Date now counts');
});

test('an entity tag that cannot be sent back is no validator', (t) => {
  const etagOf = (value: string): string | undefined => {
    const header = new HeaderFields();
    header.set('etag', value);
    return validatorsOf(header).etag;
  };
  const long = `"${'x'.repeat(1_022)}"`;
  for (const value of ['"a\x01b"', '"a\x7f"', '', `${long}x`])
    t.is(etagOf(value), undefined, JSON.stringify(value));
  for (const value of [long, '"a"', 'W/"a b"', 'unquoted', '"\xe9"']) t.is(etagOf(value), value);
});

test('an answer with an entity tag that is too long is not of the version that is pinned', (t) => {
  const header = new HeaderFields();
  header.set('last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT');
  header.set('etag', `"${'x'.repeat(60_000)}"`);
  const pin = { etag: '"a"', lastModifiedMs: Date.UTC(1994, 10, 6, 8, 49, 37) };
  const answer = { status: 200, header };
  const error = t.throws(() => checkResponse(answer, new URL('http://h/x'), undefined, pin));
  t.like(error, { code: 'CHANGED', found: 'an ETag that cannot be used' });
  t.notThrows(() =>
    checkResponse(answer, new URL('http://h/x'), undefined, { lastModifiedMs: pin.lastModifiedMs }),
  );
});

test('what is no date is no validator', (t) => {
  const wrong = [
    '',
    'yesterday',
    `Sun, 06 Nov 1994 08:49:37 GMT${' '.repeat(50_000)}`,
    'Sun, 32 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 25:49:37 GMT',
  ];
  for (const text of wrong) t.is(timeOf(text), undefined, text);
});

test('what is no entity tag, or several, is no validator', (t) => {
  const tagOf = (...values: string[]): string | undefined => {
    const header = new HeaderFields();
    for (const value of values) header.append('etag', value);
    return validatorsOf(header).etag;
  };
  t.is(tagOf('"a, b"'), '"a, b"');
  t.is(tagOf('W/"a"'), 'W/"a"');
  for (const values of [[''], ['""'], ['W/""'], ['"a"', '"b"'], ['"a"', 'W/"b"']]) {
    t.is(tagOf(...values), undefined, values.join(' and '));
  }
});

test('a part is believed only if it begins where the request does, and ends there at the latest', (t) => {
  const check = (contentRange: string | undefined, length?: string): ReturnType<typeof checkResponse> => {
    const header = new HeaderFields();
    if (contentRange !== undefined) header.set('content-range', contentRange);
    if (length !== undefined) header.set('content-length', length);
    const answer = { status: 206, header };
    return checkResponse(answer, new URL('http://h/x'), { start: 100, end: 200 }, undefined);
  };
  t.like(check('bytes 100-199/1000', '100'), { start: 100, end: 200, totalBytes: 1000 });
  t.like(check('bytes 100-149/150'), { start: 100, end: 150, totalBytes: 150 });
  for (const wrong of ['bytes 101-199/1000', 'bytes 99-199/1000', 'bytes 100-200/1000', 'bytes 0-99/1000']) {
    t.like(
      t.throws(() => check(wrong)),
      {
        code: 'PROTOCOL',
        expected: 'bytes [100, 200)',
        found: `Content-Range: ${wrong}, Content-Length: none`,
      },
    );
  }
  t.like(
    t.throws(() => check('bytes 100-199/1000', '99')),
    { expected: 'a length that fits the range' },
  );
  t.like(
    t.throws(() => check(undefined, '100')),
    {
      expected: 'one Content-Range',
      found: 'Content-Range: none, Content-Length: 100',
    },
  );
});

test('an answer of another version names both', (t) => {
  const check = (etag: string | undefined, pin: Parameters<typeof checkResponse>[3]): unknown => {
    const header = new HeaderFields();
    if (etag !== undefined) header.set('etag', etag);
    return t.throws(() => checkResponse({ status: 200, header }, new URL('http://h/x'), undefined, pin));
  };
  const changed = { code: 'CHANGED', found: 'ETag "b"' };
  t.like(check('"b"', { etag: '"a"' }), { ...changed, expected: 'ETag "a"' });
  const expected = 'Last-Modified Thu, 01 Jan 1970 00:00:00 GMT';
  t.like(check('"b"', { lastModifiedMs: 0 }), { ...changed, expected });
  t.like(check(undefined, { etag: '"a"' }), { ...changed, found: 'neither ETag nor Last-Modified' });
});

// S1
test('a body that is encoded is refused, and so is a part of what was requested whole', (t) => {
  const url = new URL('http://h/f');
  const check = (status: number, name: string, value: string): unknown => {
    const header = new HeaderFields();
    header.set(name, value);
    return checkResponse({ status, header }, url, undefined, undefined);
  };
  for (const none of ['identity', ' Identity ', '']) {
    t.notThrows(() => check(200, 'content-encoding', none));
  }
  t.throws(() => check(200, 'content-encoding', 'gzip'), { code: 'PROTOCOL' });
  t.throws(() => check(206, 'content-range', 'bytes 0-1/2'), { code: 'PROTOCOL' });
});
