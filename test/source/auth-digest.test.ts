import test from 'ava';

import { parseChallenges } from '../../src/source/auth/challenge.js';
import { DigestSession } from '../../src/source/auth/digest.js';

const CNONCE = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
const MUFASA = { user: 'Mufasa', password: 'Circle of Life' };
const NONCE = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v';

function session(header: string, cnonce = CNONCE): DigestSession | undefined {
  return DigestSession.of(parseChallenges(header), cnonce);
}

test('the responses are those of RFC 7616, 3.9.1', (t) => {
  const offer = (algorithm: string): string =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${NONCE}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
  const both = `${offer('SHA-256')}, ${offer('MD5')}`;
  const sent = session(both)?.authorization(MUFASA, 'GET', '/dir/index.html') ?? '';
  t.is(
    sent,
    `Digest username="Mufasa", realm="http-auth@example.org", nonce="${NONCE}", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="${CNONCE}", response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", algorithm=SHA-256, opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
  );
  t.regex(
    session(offer('MD5'))?.authorization(MUFASA, 'GET', '/dir/index.html') ?? '',
    /response="8ca523f5e9506fed4657c9700eebdbec"/,
  );
});

test('a server without qop gets the response of RFC 2069', (t) => {
  const sent = session('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"');
  t.is(
    sent?.authorization({ user: 'Mufasa', password: 'CircleOfLife' }, 'GET', '/dir/index.html'),
    // RFC 2069, 2.4, with the response of its errata.
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea"',
  );
});

test('each request has the next count, and what is quoted stays quoted', (t) => {
  const given = session(
    String.raw`Digest realm="a \"b\" \\", nonce="n", qop=auth, algorithm=MD5-sess`,
    'fixed',
  );
  const login = { user: 'a"dä', password: 'pässword' };
  const sent = [1, 2, 17].map((count) => {
    let header = '';
    while (!header.includes(`nc=${count.toString(16).padStart(8, '0')}`))
      header = given?.authorization(login, 'GET', '/x?y="z"') ?? '';
    return header;
  });
  t.regex(sent[2] ?? '', /nc=00000011, cnonce="fixed"/);
  t.true(sent[0]?.includes(String.raw`realm="a \"b\" \\"`));
  t.true(sent[0]?.includes(Buffer.from(String.raw`username="a\"dä"`).toString('latin1')));
});

test('what is not supported is passed over', (t) => {
  t.is(session('Digest realm="x", nonce="n", qop="auth-int"'), undefined);
  t.is(session('Digest realm="x", nonce="n", algorithm=constructor'), undefined);
  t.is(session('Digest realm="x"'), undefined);
  t.is(session('Basic realm="x", Negotiate abc=='), undefined);
  const next = 'Digest realm="x", nonce="a", algorithm=unknown, Digest realm="x", nonce="b", stale=TRUE';
  t.is(session(next)?.nonce, 'b');
  t.true(session(next)?.isStale);
});
