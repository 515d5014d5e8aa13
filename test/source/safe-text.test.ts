import test from 'ava';

import { redactPath, redactUrl, safeJson, safeLines, safeText } from '../../src/source/safe-text.js';
import { OptionMask } from '../../src/source/plugin/option-mask.js';
import { SourceError } from '../../src/source/errors.js';

test('a URL is shown without credentials, values and fragment', (t) => {
  for (const [url, shown] of [
    ['http://u:p@h/x', 'http://h/x'],
    ['http://h/x?a=1&sig=2&bare&b=', 'http://h/x?a=…&sig=…&…&b=…'],
    ['http://h/x#token=1', 'http://h/x'],
    ['//u:p@h/x', '//h/x'],
    ['/x?color=red', '/x?color=…'],
    ['http:u:p@h/x', 'http://h/x'],
    ['https:\\\\u:p@h\\x', 'https://h/x'],
    ['dfs://u:p@h/x?y', 'dfs://h/x?…'],
    ['not a url\x1b[2J', 'not a url\\x1b[2J'],
  ] as const) {
    t.is(redactUrl(url), shown);
  }
  t.is(redactUrl(new URL('http://u:p@h/?x=1')), 'http://h/?x=…');
  t.true(redactUrl(`http://h/${'x'.repeat(100_000)}`).length < 3_000);
});

test('in any text the URLs are redacted, and nothing else is lost', (t) => {
  for (const [text, shown] of [
    ['Location: https://u:p@h/x?sig=a%20b&y=1 is wrong', 'Location: https://h/x?sig=…&y=… is wrong'],
    ['Location: /x?sig=secret#code=secret', 'Location: /x?sig=…'],
    ['see #1, or http://h/#access_token=secret', 'see #1, or http://h/#…'],
    ['what? no: 10 bytes', 'what? no: 10 bytes'],
    ['user@example.com', 'user@example.com'],
  ] as const) {
    t.is(safeText(text), shown);
    t.is(safeText(safeText(text)), shown);
  }
  t.is(redactPath('/http/h/x?sig=a b c'), '/http/h/x?sig=…');
  t.is(redactPath('/http/h/ü#1'), '/http/h/ü#1');
});

// S113
test('control characters, line breaks and changes of direction are escaped', (t) => {
  t.is(
    safeText('a\x1b[2J\n\r\t\x7f\x9b\u2028\u202e\u2066\udcffü🐘'),
    String.raw`a\x1b[2J\n\r\t\x7f\u009b\u2028\u202e\u2066\xffü🐘`,
  );
  t.is(safeLines('a\x1b\nb\x9b'), 'a\\x1b\nb\\u009b');
  const value = { a: 'x\x9b\u202e\x7f\n' };
  const json = safeJson(JSON.stringify(value, null, 2));
  t.regex(json, /^[\n -~]*$/);
  t.deepEqual(JSON.parse(json), value);
});

test('long and hostile text takes no time', (t) => {
  for (const text of ['//', '?', '#', '//a@', '?a', '#=', 'a://', '\x1b', ' //']) {
    t.true(safeText(text.repeat(1_000_000)).length < 10_000);
    t.true(safeLines(`${text}\n`.repeat(100_000)).length < 10_000);
  }
});

// S111
test('an error of a source is safe in all of its fields', (t) => {
  const error = new SourceError('PROTOCOL', 'from /x?k=SECRET', 'http://u:SECRET@h/x?y=SECRET', {
    expected: 'no http://SECRET@h',
    found: 'Location: /x?SECRET\x1b',
  });
  t.notRegex(
    JSON.stringify([error.message, error.url, error.expected, error.found, error.stack]),
    /SECRET|u001b/,
  );
});

// S112
test('what a plugin was given is hidden in what it says', (t) => {
  const mask = new OptionMask({
    token: 'abc/d',
    region: 'eu',
    root: '/some/where',
    endpoint: 'host.example',
    key: 'BEGIN\nline-of-a-key\nEND',
  });
  t.is(
    mask.hide('eu: /some/where abc/d, abc%2Fd; host.example said line-of-a-key'),
    'eu: /some/where …, …; … said …',
  );
  t.is(mask.hideInTail('c/d and more'), '… and more');
  t.is(mask.hideInTail('xabc/d'), 'x…');
  // The end of one is the beginning of another, or of its end.
  const alike = new OptionMask({ key: '0123456789abc', token: 'xyz.cdef', pin: 'nine9xyz' });
  t.is(alike.hideInTail('cdef and more'), '… and more');
  t.is(alike.hideInTail('xyz.cdef and more'), '… and more');
});
