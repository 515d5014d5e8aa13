/** Who ftp and ftps log in as, and what of it is encrypted and shown. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';

import test, { type ExecutionContext } from 'ava';

import { fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import type { FtpSettings } from '../../src/source/settings.js';
import { createCertificate } from '../support/certificate.js';
import { assertCode, failureOf, read, stat } from '../support/conformance/reading.js';
import { ftpClient } from '../support/ftp-client.js';
import { startFtpFaultServer } from '../support/ftp-fault-server.js';
import { temporaryDirectory } from '../support/temp.js';

const PASSWORD = 'hunter2 &%"é';

function password(user: string, text: string): FtpSettings {
  return { credentials: { kind: 'password', user, password: literalSecret(text) } };
}

test('without credentials of a rule the login is anonymous', async (t) => {
  const server = await startFtpFaultServer(t);
  server.put('/file', 'x');
  for (const settings of [{}, { credentials: { kind: 'anonymous' } }] satisfies FtpSettings[]) {
    await stat(ftpClient(t, { settings }), `ftp://${server.host}/file`);
    t.is(
      server.commands.find((line) => line.startsWith('USER')),
      'USER anonymous',
    );
    server.commands.length = 0;
  }
});

test('a rule has user and password, in UTF-8', async (t) => {
  const server = await startFtpFaultServer(t, { account: { user: 'ada', password: bytes(PASSWORD) } });
  server.put('/file', 'content');
  const client = ftpClient(t, { settings: password('ada', PASSWORD) });
  t.is((await read(client, `ftp://${server.host}/file`)).toString(), 'content');
});

/** As the server has it: a character for each byte. */
function bytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

test('a password that is refused is shown nowhere, though the server repeats it', async (t) => {
  const server = await startFtpFaultServer(t, { account: { user: 'ada', password: 'another' } });
  const client = ftpClient(t, { settings: password('ada', 'hunter2') });
  const failure = await failureOf(stat(client, `ftp://${server.host}/file`));
  t.is(failure.code, 'ACCESS_DENIED');
  // Asked once more, for it may be another one by now; not again and again.
  t.is(server.commands.filter((line) => line.startsWith('PASS')).length, 1);
  const shown = [failure.message, failure.found, failure.expected, JSON.stringify(failure)].join('\n');
  t.false(shown.includes('hunter2'), shown);
});

test('what a server repeats later is not shown either', async (t) => {
  const server = await startFtpFaultServer(t);
  const client = ftpClient(t, { settings: password('ada', 'hunter2') });
  server.add({ command: 'MLST', reply: '553 hunter2' });
  const failure = await failureOf(stat(client, `ftp://${server.host}/file`));
  t.is(failure.found, 'reply 553');
  t.false(inspect(failure, { depth: 0 }).includes('hunter2'));
});

test('connections of two rules are never mixed', async (t) => {
  const server = await startFtpFaultServer(t);
  for (const name of ['a', 'b']) server.put(`/${name}/file`, name);
  const rules = { a: password('ada', 'of ada'), b: password('bob', 'of bob') };
  const settings = (url: URL): FtpSettings => (url.pathname.startsWith('/a/') ? rules.a : rules.b);
  const client = ftpClient(t, { settings });
  for (let i = 0; i < 3; i += 1) {
    for (const name of ['a', 'b']) {
      t.is((await read(client, `ftp://${server.host}/${name}/file`)).toString(), name);
    }
  }
  for (const commands of server.sessions) {
    const isAda = commands.includes('USER ada');
    t.true(commands.includes(isAda ? 'PASS of ada' : 'PASS of bob'));
    t.false(
      commands.some((line) => line.includes(isAda ? '/b/' : '/a/')),
      commands.join(),
    );
  }
  t.is(server.sessions.length, 2);
});

test('netrc has a login for each host, and others are anonymous', async (t) => {
  const server = await startFtpFaultServer(t);
  server.put('/file', 'x');
  const file = join(await temporaryDirectory(t), 'netrc');
  const client = ftpClient(t, { settings: { credentials: { kind: 'netrc', file: fileSecret(file) } } });
  await writeFile(
    file,
    `machine other.test login eve password no\nmachine 127.0.0.1 login ada password "of ada"\n`,
  );
  await stat(client, `ftp://${server.host}/file`);
  t.deepEqual(server.sessions[0]?.slice(1, 3), ['USER ada', 'PASS of ada']);
  await writeFile(file, 'machine other.test login eve password no\n');
  const others = ftpClient(t, { settings: { credentials: { kind: 'netrc', file: fileSecret(file) } } });
  await stat(others, `ftp://${server.host}/file`);
  t.is(server.sessions[1]?.[1], 'USER anonymous');
});

test('a password that was replaced in its file is used at the next login', async (t) => {
  const account = { user: 'ada', password: 'old' };
  const server = await startFtpFaultServer(t, { account });
  server.put('/file', 'x');
  const file = join(await temporaryDirectory(t), 'password');
  await writeFile(file, 'old\n');
  const settings: FtpSettings = {
    credentials: { kind: 'password', user: 'ada', password: fileSecret(file) },
  };
  const client = ftpClient(t, { settings });
  await stat(client, `ftp://${server.host}/file`);
  server.endAll();
  await writeFile(file, 'new\n');
  account.password = 'new';
  await stat(client, `ftp://${server.host}/file`);
  const passwords = server.commands.filter((line) => line.startsWith('PASS'));
  t.deepEqual(passwords, ['PASS old', 'PASS old', 'PASS new']);
});

test('a user or password with a line end is not sent', async (t) => {
  const server = await startFtpFaultServer(t);
  for (const settings of [password('ada', 'x\r\nDELE y'), password('a\nb', 'x'), password('', 'x')]) {
    await assertCode(stat(ftpClient(t, { settings }), `ftp://${server.host}/file`), 'NOT_CONFIGURED');
  }
  t.deepEqual(server.commands, []);
});

async function secured(
  t: ExecutionContext,
  mode: 'explicit' | 'implicit',
): Promise<{ server: Awaited<ReturnType<typeof startFtpFaultServer>>; ca: string }> {
  const { certificate, key } = await createCertificate(t, 'IP:127.0.0.1');
  const account = { user: 'ada', password: 'hunter2' };
  const server = await startFtpFaultServer(t, { account, tls: { mode, certificate, key } });
  server.put('/file', 'content');
  return { server, ca: certificate };
}

for (const mode of ['explicit', 'implicit'] as const) {
  test(`${mode} TLS encrypts login and data, and checks the certificate`, async (t) => {
    const { server, ca } = await secured(t, mode);
    const client = (tls: FtpSettings['tls']): ReturnType<typeof ftpClient> =>
      ftpClient(t, { settings: { ...password('ada', 'hunter2'), tls: { mode, ...tls } } });
    const url = `ftp://${server.host}/file`;
    t.is((await read(client({ ca }), url)).toString(), 'content');
    const [commands = []] = server.sessions;
    const first = mode === 'explicit' ? 2 : 1;
    t.deepEqual(commands.slice(first, first + 4), ['USER ada', 'PASS hunter2', 'PBSZ 0', 'PROT P']);
    t.is((await read(client({ verify: false }), url)).toString(), 'content');
    server.commands.length = 0;
    const failure = await failureOf(read(client({}), url));
    t.is(failure.code, 'TLS');
    t.false(server.commands.some((line) => line.startsWith('USER')));
  });
}

test('where TLS is demanded and not to be had, no login is sent', async (t) => {
  const plain = await startFtpFaultServer(t);
  const settings: FtpSettings = { ...password('ada', 'hunter2'), tls: { mode: 'explicit', verify: false } };
  await assertCode(stat(ftpClient(t, { settings }), `ftp://${plain.host}/file`), 'TLS');
  const { server } = await secured(t, 'explicit');
  // Words from before the encryption, as if they were the server's after it.
  server.add({ command: 'AUTH', reply: '234 Begin\r\n230 Logged in' });
  await assertCode(
    stat(ftpClient(t, { settings, retries: 0 }), `ftp://${server.host}/file`),
    'CONNECTION_LOST',
    'TLS',
  );
  server.clear();
  server.add({ command: 'PROT', reply: '534 Clear only' });
  await assertCode(read(ftpClient(t, { settings }), `ftp://${server.host}/file`), 'TLS');
  const sent = [...plain.commands, ...server.commands.slice(0, 2)];
  t.false(sent.some((line) => line.includes('hunter2')));
});

test('ftps is implicit, and ftp plain, unless a rule says otherwise', async (t) => {
  const { server, ca } = await secured(t, 'implicit');
  const client = ftpClient(t, { scheme: 'ftps', settings: { ...password('ada', 'hunter2'), tls: { ca } } });
  t.is((await read(client, `ftps://${server.host}/file`)).toString(), 'content');
  const explicit = await secured(t, 'explicit');
  const other = ftpClient(t, {
    scheme: 'ftps',
    settings: { ...password('ada', 'hunter2'), tls: { ca: explicit.ca, mode: 'explicit' } },
  });
  t.is((await read(other, `ftps://${explicit.server.host}/file`)).toString(), 'content');
});
