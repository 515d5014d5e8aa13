/** Bytes are right, whatever a connection of SSH is encrypted with, while its keys change all the time. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { fileSecret } from '../../src/source/auth/secret-source.js';
import { bodyReader } from '../../src/source/body-reader.js';
import { Request } from '../../src/source/request.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import type { SftpSettings } from '../../src/source/settings.js';
import { type Sshd, SSHD_MISSING, startSshd } from '../servers/sshd.js';
import { assertSame } from './conformance/reading.js';
import { Random } from './random.js';
import { sftpClient } from './sftp-client.js';
import { temporaryDirectory } from './temp.js';
import { pattern } from './tree.js';

const MIB = 1024 * 1024;
/** All kinds that ssh2 offers. */
const CIPHERS: readonly (readonly string[])[] = [
  ['Ciphers aes128-gcm@openssh.com'],
  ['Ciphers aes256-gcm@openssh.com'],
  ['Ciphers chacha20-poly1305@openssh.com'],
  ['Ciphers aes128-ctr', 'MACs hmac-sha2-256-etm@openssh.com'],
  ['Ciphers aes192-ctr', 'MACs hmac-sha1'],
  ['Ciphers aes256-ctr', 'MACs hmac-sha2-512'],
];
const REKEY = 'RekeyLimit 256K';
const testWithSshd = SSHD_MISSING === undefined ? test.serial : test.skip;

export function testCiphers(binding: string): void {
  for (const lines of CIPHERS) {
    testWithSshd(`bytes are right with ${lines.join(', ')}, ${binding}`, async (t) => {
      const sshd = await startSshd(t, { lines: [...lines, REKEY, 'LogLevel DEBUG1'] });
      const settings = settingsOf(sshd, sshd.knownHosts);
      await assertReads(t, sftpClient(t, { settingsFor: () => settings }), `sftp://${sshd.host}`, 1.5 * MIB);
      await assertKept(t, sshd, 15);
    });
  }

  testWithSshd(`bytes are right behind a jump host, ${binding}`, async (t) => {
    const lines = [REKEY, 'LogLevel DEBUG1'];
    const [jump, target] = [await startSshd(t, { lines }), await startSshd(t, { lines })];
    const directory = await temporaryDirectory(t);
    await mkdir(join(directory, '.ssh'));
    const config = `Host target\n HostName 127.0.0.1\n Port ${target.port}\n ProxyJump ${jump.host}\n`;
    await writeFile(join(directory, '.ssh', 'config'), config, { mode: 0o600 });
    const [ofTarget, ofJump] = [target, jump].map((sshd) => settingsOf(sshd, sshd.knownHosts));
    const settingsFor = ({ host }: URL): SftpSettings => (host === 'target' ? ofTarget : ofJump) ?? {};
    const client = sftpClient(t, { settingsFor, home: { directory } });
    await assertReads(t, client, 'sftp://target', 1.5 * MIB);
    for (const sshd of [jump, target]) await assertKept(t, sshd, 15);
  });

  testWithSshd(`bytes are right where they come a few at a time, ${binding}`, async (t) => {
    const sshd = await startSshd(t, { lines: [REKEY, 'LogLevel DEBUG1'] });
    const { client, origin } = await clientByFront(t, sshd, smallPieces);
    await assertReads(t, client, origin, MIB / 2);
    await assertKept(t, sshd, 4);
  });

  testWithSshd(`bytes that are changed on the way are noticed, and a body goes on, ${binding}`, async (t) => {
    const sshd = await startSshd(t);
    let connections = 0;
    const { client, origin } = await clientByFront(t, sshd, () => {
      const isWrong = connections < 2;
      let received = 0;
      connections += 1;
      return (chunk) => {
        received += chunk.length;
        if (isWrong && received > MIB) chunk.writeUInt8(~chunk.readUInt8(0) & 0xff);
        return [chunk];
      };
    });
    await assertReads(t, client, origin, 3 * MIB);
    t.true(connections >= 3);
  });
}

async function clientByFront(
  t: ExecutionContext,
  sshd: Sshd,
  piecesOf: () => (chunk: Buffer) => Iterable<Buffer>,
): Promise<{ readonly client: CompleteClient; readonly origin: string }> {
  const port = await startFront(t, sshd.port, piecesOf);
  const knownHosts = join(await temporaryDirectory(t), 'known_hosts');
  await writeFile(knownHosts, (await readFile(sshd.knownHosts, 'utf8')).replace(/:\d+/, `:${port}`));
  const settings = settingsOf(sshd, knownHosts);
  // Nothing is waited for until a deadline.
  const client = sftpClient(t, { settingsFor: () => settings, timeoutMs: 600_000 });
  return { client, origin: `sftp://127.0.0.1:${port}` };
}

function settingsOf({ user, directory }: Sshd, knownHostsFile: string): SftpSettings {
  const key = fileSecret(join(directory, 'key'));
  return { credentials: { kind: 'private key', user, key }, knownHostsFile };
}

/** Three files at once: by a reader that waits for nothing, and by slow ones, which take a little of what has come. */
async function assertReads(
  t: ExecutionContext,
  client: CompleteClient,
  origin: string,
  bytes: number,
): Promise<void> {
  const root = await temporaryDirectory(t);
  const contents = [pattern(bytes + 1), pattern(2 * bytes).subarray(bytes - 7), pattern(bytes).toReversed()];
  const found = contents.map(async (content, i) => {
    await writeFile(join(root, String(i)), content);
    const url = `${origin}${root}/${i}`;
    return await readSlowly(client, url, content.length, new Random(i), i > 0);
  });
  for (const [i, each] of (await Promise.all(found)).entries()) assertSame(each, contents[i] ?? Buffer.of());
}

async function readSlowly(
  client: CompleteClient,
  url: string,
  bytes: number,
  random: Random,
  isSlow: boolean,
): Promise<Uint8Array> {
  const reader = bodyReader(await client.download(new Request(url)));
  const whole = new Uint8Array(bytes);
  let at = 0;
  while (at < bytes) {
    const length = Math.min(bytes - at, random.between(1, 300_000));
    const piece = whole.subarray(at, at + length);
    at += await reader.read({ pieces: [piece] });
    if (isSlow) await sleep(random.between(1, 10));
  }
  return whole;
}

/** All came over one connection, with many exchanges of keys. */
async function assertKept(t: ExecutionContext, sshd: Sshd, exchanges: number): Promise<void> {
  const log = await sshd.log();
  const found = log.match(/rekeying/g)?.length ?? 0;
  t.true(found >= exchanges, `${found} exchanges`);
  t.is(log.match(/Accepted publickey/g)?.length, 1);
}

/**
 * Leads to the port; what comes from there is sent in the pieces of it that `piecesOf`, of each connection, makes. A client that
 * sends no more is left waiting.
 */
async function startFront(
  t: ExecutionContext,
  port: number,
  piecesOf: () => (chunk: Buffer) => Iterable<Buffer>,
): Promise<number> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const upstream = connect(port, '127.0.0.1');
    const end = (): void => {
      socket.destroy();
      upstream.destroy();
    };
    socket.on('error', end).on('close', end).pipe(upstream.on('error', end), { end: false });
    const pieces = piecesOf();
    void (async () => {
      for await (const chunk of upstream as AsyncIterable<Buffer>) {
        for (const piece of pieces(chunk)) {
          socket.write(piece);
          await turn();
        }
      }
    })().then(end, end);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Mostly of some bytes. */
function smallPieces(): (chunk: Buffer) => Iterable<Buffer> {
  const random = new Random(7);
  // With that a client is greeted, of which ssh2 loses a part where it comes in three.
  let isFirst = true;
  return function* pieces(chunk) {
    for (let at = 0; at < chunk.length;) {
      const length = isFirst || random.chance(0.1) ? 3_000 : random.between(1, 20);
      isFirst = false;
      yield chunk.subarray(at, at + length);
      at += length;
    }
  };
}
