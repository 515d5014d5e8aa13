import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { checkHostKey, hostKeyAlgorithms } from '../../src/source/schemes/sftp/host-key.js';
import { type KnownHost, readKnownHost } from '../../src/source/schemes/sftp/known-hosts.js';
import { temporaryDirectory } from '../support/temp.js';

/** As on the wire. */
function keyOf(type: string, text: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, type.length]), Buffer.from(type), Buffer.from(text)]);
}

const KEYS = Object.fromEntries(
  ['one', 'two', 'three'].map((text) => [text, keyOf('ssh-ed25519', text)]),
) as Record<'one' | 'two' | 'three', Buffer>;

function line(hosts: string, key: keyof typeof KEYS, type = 'ssh-ed25519'): string {
  return `${hosts} ${type} ${KEYS[key].toString('base64')}`;
}

function hashed(name: string): string {
  const salt = Buffer.from('01234567890123456789');
  const hash = createHmac('sha1', salt).update(name).digest('base64');
  return `|1|${salt.toString('base64')}|${hash}`;
}

async function known(
  t: ExecutionContext,
  lines: readonly string[],
  host: string,
  port = 22,
): Promise<KnownHost> {
  const file = join(await temporaryDirectory(t), 'known_hosts');
  await writeFile(file, `${lines.join('\n')}\n`);
  return await readKnownHost([file, `${file}2`], host, port);
}

test('names are found plain, hashed, with ports and by patterns', async (t) => {
  for (const [pattern, host, port, isFound] of [
    ['host', 'host', 22, true],
    ['HOST', 'host', 22, true],
    ['a,host,b', 'host', 22, true],
    ['hostage', 'host', 22, false],
    ['[host]:2222', 'host', 2222, true],
    ['[host]:2222', 'host', 22, false],
    ['[host]:2222', 'host', 2223, false],
    // As OpenSSH: the host's own key counts for another port.
    ['host', 'host', 2222, true],
    ['*.lab', 'a.lab', 22, true],
    ['*.lab', 'lab', 22, false],
    ['h?st', 'host', 22, true],
    ['h?st', 'hst', 22, false],
    ['*.lab,!bad.lab', 'good.lab', 22, true],
    ['*.lab,!bad.lab', 'bad.lab', 22, false],
    ['!bad.lab', 'good.lab', 22, false],
    ['[*.lab]:22*', 'a.lab', 2222, true],
    [hashed('host'), 'host', 22, true],
    [hashed('[host]:2222'), 'host', 2222, true],
    [hashed('other'), 'host', 22, false],
    ['|2|x|y', 'host', 22, false],
    ['::1', '::1', 22, true],
    [`${'*a'.repeat(30)}b`, 'a'.repeat(60), 22, false],
  ] as const) {
    const { keys } = await known(t, ['# host x y', '', line(pattern, 'one')], host, port);
    t.is(keys.length, isFound ? 1 : 0, `${pattern} for ${host}:${port}`);
  }
});

test('a key counts by its marker', async (t) => {
  const found = await known(
    t,
    [line('host', 'one'), line('@revoked *', 'two'), line('@cert-authority *', 'three'), line('host', 'two')],
    'host',
  );
  const place = { url: new URL('sftp://host/x'), host: 'host', port: 22, knownHostsFile: '/k' };
  t.is(checkHostKey(KEYS.one, found, place), undefined);
  t.regex(checkHostKey(KEYS.two, found, place)?.message ?? '', /revoked/);
  // An authority signs keys, and is none.
  t.regex(checkHostKey(KEYS.three, found, place)?.message ?? '', /changed/);
});

test('only the types of keys that are known are asked for; one of RSA signs in three ways', async (t) => {
  const none = await known(t, [], 'host');
  t.is(hostKeyAlgorithms(none)[0], 'ssh-ed25519');
  t.is(hostKeyAlgorithms(none).length, 7);
  const rsa = await known(t, [line('host', 'one', 'ssh-rsa')], 'host');
  t.deepEqual(hostKeyAlgorithms(rsa), ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']);
  const both = await known(t, [line('host', 'one', 'ssh-rsa'), line('host', 'two')], 'host');
  t.is(hostKeyAlgorithms(both)[0], 'ssh-ed25519');
});
