import test from 'ava';

import { nextLink } from '../../src/source/http/next-link.js';

test('the next page is found among the links', (t) => {
  for (const [header, target] of [
    [null, undefined],
    ['', undefined],
    ['<https://h/a?cursor=x>; rel="next"', 'https://h/a?cursor=x'],
    ['</v2/_catalog?last=b&n=5>; rel=next', '/v2/_catalog?last=b&n=5'],
    ['<p>; rel="prev", <n>;title="a, b" ; REL="next"', 'n'],
    ['<p>; rel="first",<n>;rel="next",<l>;rel="last"', 'n'],
    ['<p>; rel="nextpage"', undefined],
    ['<p>', undefined],
  ] as const)
    t.is(nextLink(header), target, `${header}`);
});

test('a header of any kind is read in a time that grows with its length', (t) => {
  const began = process.cpuUsage();
  for (const part of ['<', '<a>;', '<a>; rel=', ';', ' ', '<>;   '])
    t.is(nextLink(part.repeat(60_000 / part.length)), undefined);
  // By a pattern for the whole it was some seconds.
  t.true(process.cpuUsage(began).user < 500_000);
});
