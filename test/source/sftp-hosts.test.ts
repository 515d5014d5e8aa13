/** Which hosts sftp trusts, and how it logs in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { accessPolicy } from '../../src/source/access-policy.js';
import { addressPolicy } from '../../src/source/address-policy.js';
import { fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import type { SftpSettings } from '../../src/source/settings.js';
import { makeKey, SSHD_MISSING, startSshd } from '../servers/sshd.js';
import { type SftpServer, startSftpServer } from '../servers/sftp/sftp-server.js';
import { assertCode, failureOf, read, stat } from '../support/conformance/reading.js';
import { run } from '../support/run.js';
import { sftpClient, type SftpClientOfTest } from '../support/sftp-client.js';
import { temporaryDirectory } from '../support/temp.js';
import { startTunnelProxy } from '../support/tunnel-proxy.js';
import { until } from '../support/until.js';

const CONTENT = Buffer.from('the content');
const testWithSshd = SSHD_MISSING === undefined ? test : test.skip;

function passwordRule(knownHostsFile: string, user = 'ada', password = 'hunter2'): SftpSettings {
  return { credentials: { kind: 'password', user, password: literalSecret(password) }, knownHostsFile };
}

/** Accepts these passwords, by user. */
function acceptPasswords(server: SftpServer, passwords: Readonly<Record<string, string>>): void {
  server.login = (context) =>
    context.method === 'password' && context.password === passwords[context.username];
}

async function startServer(t: ExecutionContext, keyType: 'ed25519' | 'rsa' = 'ed25519'): Promise<SftpServer> {
  const server = await startSftpServer(t, { keyType });
  server.files.set('/file', { kind: 'file', content: CONTENT });
  return server;
}

function clientOf(
  t: ExecutionContext,
  settings: SftpSettings,
  options: Partial<SftpClientOfTest> = {},
): CompleteClient {
  return sftpClient(t, { settingsFor: () => settings, ...options });
}

test('an unknown, changed or revoked host key is refused before a password is sent, with the line to add', async (t) => {
  const server = await startServer(t);
  const url = `sftp://${server.host}/file`;
  acceptPasswords(server, { ada: 'hunter2' });
  const known = await readFile(server.knownHosts, 'utf8');
  const file = join(await temporaryDirectory(t), 'known_hosts');
  await writeFile(file, '');
  const unknown = await failureOf(stat(clientOf(t, passwordRule(file)), url));
  t.is(unknown.code, 'HOST_KEY');
  t.regex(unknown.message, /its key is not known/);
  t.true(unknown.expected?.endsWith(`add the line: ${known.trim()}`), unknown.expected);
  t.regex(unknown.found ?? '', /^ssh-ed25519 SHA256:[A-Za-z0-9+/]{43}$/);
  // What the error says to add is what is missing.
  await writeFile(file, `${unknown.expected?.split('add the line: ')[1]}\n`);
  t.deepEqual(await read(clientOf(t, passwordRule(file)), url), CONTENT);
  server.logins.length = 0;
  await writeFile(file, `${known}@revoked ${known}`);
  t.regex((await failureOf(stat(clientOf(t, passwordRule(file)), url))).message, /its key is revoked/);
  await writeFile(file, known);
  server.changeHostKey();
  const changed = await failureOf(stat(clientOf(t, passwordRule(file)), url));
  t.regex(changed.message, /its key has changed/);
  t.regex(
    changed.expected ?? '',
    /known_hosts:1 has it; .*replace that line by: \[127\.0\.0\.1\]:\d+ ssh-ed25519 AAAA/,
  );
  server.changeHostKey('rsa');
  const other = await failureOf(stat(clientOf(t, passwordRule(file)), url));
  t.regex(other.message, /no key of the types that are known/);
  await writeFile(file, known.replace('[', '@cert-authority ['));
  const authority = await failureOf(stat(clientOf(t, passwordRule(file)), url));
  t.regex(authority.expected ?? '', /certificates of hosts are not supported/);
  t.deepEqual(server.logins, []);
});

test('a host of RSA is known by one key, whatever it signs with', async (t) => {
  const server = await startServer(t, 'rsa');
  const client = clientOf(t, { credentials: { kind: 'anonymous' }, knownHostsFile: server.knownHosts });
  t.deepEqual(await read(client, `sftp://${server.host}/file`), CONTENT);
});

test('a password answers the one question of keyboard-interactive, and no second one', async (t) => {
  const server = await startServer(t);
  const answers: string[][] = [];
  let questions = [{ prompt: 'Password: ', echo: false }];
  server.login = (context) => {
    if (context.method !== 'keyboard-interactive') return false;
    context.prompt(questions, (given) => {
      answers.push(given);
      if (given[0] === 'hunter2') context.accept();
      else context.reject();
    });
    return true;
  };
  // The server of ssh2 accepts by itself what is true: it is left to the answers here.
  server.acceptsByItself = true;
  const url = `sftp://${server.host}/file`;
  t.deepEqual(await read(clientOf(t, passwordRule(server.knownHosts)), url), CONTENT);
  questions = [
    { prompt: 'Code: ', echo: true },
    { prompt: 'Password: ', echo: false },
  ];
  await assertCode(stat(clientOf(t, passwordRule(server.knownHosts)), url), 'ACCESS_DENIED');
  t.deepEqual(answers, [['hunter2'], ['', '']]);
});

test('each host gets the credentials of its own rule', async (t) => {
  const servers = [await startServer(t), await startServer(t)];
  const rules = new Map(
    servers.map((server, i) => [server.host, passwordRule(server.knownHosts, `user${i}`, `password${i}`)]),
  );
  for (const [i, server] of servers.entries()) acceptPasswords(server, { [`user${i}`]: `password${i}` });
  const client = sftpClient(t, { settingsFor: ({ host }) => rules.get(host) ?? {} });
  for (const server of servers) t.deepEqual(await read(client, `sftp://${server.host}/file`), CONTENT);
  t.deepEqual(
    servers.map(({ logins }) => logins),
    [0, 1].map((i) => [`none user${i}`, `password user${i} password${i}`]),
  );
});

test('a refused login says what was tried, is not repeated for a while, and a new secret is read', async (t) => {
  const server = await startServer(t);
  const url = `sftp://${server.host}/file`;
  const file = join(await temporaryDirectory(t), 'secret');
  await writeFile(file, 'hunter1\n');
  acceptPasswords(server, { ada: 'hunter1' });
  const settings: SftpSettings = {
    credentials: { kind: 'password', user: 'ada', password: fileSecret(file) },
    knownHostsFile: server.knownHosts,
  };
  const client = clientOf(t, settings);
  t.deepEqual(await read(client, url), CONTENT);
  acceptPasswords(server, { ada: 'hunter2' });
  server.cut();
  await writeFile(file, 'hunter2\n');
  await until('the connection is lost', async () => (await read(client, url).catch(() => '')).length > 0);
  acceptPasswords(server, {});
  server.cut();
  server.logins.length = 0;
  const refused = await failureOf(
    (async () => {
      for (;;) await read(client, url);
    })(),
  );
  t.is(refused.code, 'ACCESS_DENIED');
  t.regex(refused.message, /the login of ada was refused/);
  t.is(refused.found, 'tried: password, keyboard-interactive');
  t.false(JSON.stringify([refused, refused.message]).includes('hunter'));
  const tried = server.logins.length;
  for (let i = 0; i < 5; i += 1) await assertCode(stat(client, url), 'ACCESS_DENIED');
  t.is(server.logins.length, tried);
});

testWithSshd('a private key logs in, with its passphrase; a wrong one is a clear error', async (t) => {
  const sshd = await startSshd(t);
  const url = `sftp://${sshd.host}${sshd.directory}/authorized_keys`;
  const encrypted = join(sshd.directory, 'encrypted');
  for (const kind of [[], ['-t', 'rsa', '-b', '2048', '-m', 'PEM']]) {
    const file = `${encrypted}${kind.length}`;
    await makeKey(file, 'open sesame', ...kind);
    const publicKey = await readFile(`${file}.pub`);
    await writeFile(join(sshd.directory, 'authorized_keys'), publicKey);
    const rule = (passphrase?: string): SftpSettings => ({
      credentials: {
        kind: 'private key',
        user: sshd.user,
        key: fileSecret(file),
        ...(passphrase !== undefined && { passphrase: literalSecret(passphrase) }),
      },
      knownHostsFile: sshd.knownHosts,
    });
    t.deepEqual(await read(clientOf(t, rule('open sesame')), url), publicKey);
    for (const wrong of [undefined, 'wrong']) {
      const error = await failureOf(stat(clientOf(t, rule(wrong)), url));
      t.is(error.code, 'NOT_CONFIGURED', error.message);
      t.regex(error.message, /the private key cannot be used/);
    }
  }
});

/** A real ssh-agent with a key. */
async function startAgent(t: ExecutionContext, ...keys: readonly string[]): Promise<string> {
  const socket = join(await temporaryDirectory(t), 'agent');
  const agent: ChildProcess = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  t.teardown(async () => {
    agent.kill();
    await ended;
  });
  for (const key of keys) {
    await until('the key is added', async () => {
      const added = await run('env', [`SSH_AUTH_SOCK=${socket}`, 'ssh-add', '-q', key]);
      return added.code === 0;
    });
  }
  return socket;
}

testWithSshd(
  'an agent logs in, by a rule or by ~/.ssh/config; with IdentitiesOnly by its chosen keys alone',
  async (t) => {
    const sshd = await startSshd(t);
    const key = join(sshd.directory, 'key');
    const other = join(sshd.directory, 'other key');
    const agent = await startAgent(t, other, key);
    const directory = await temporaryDirectory(t);
    await mkdir(join(directory, '.ssh'));
    const url = `sftp://${sshd.host}${sshd.directory}/authorized_keys`;
    const known = { knownHostsFile: sshd.knownHosts };
    const byRule = { ...known, credentials: { kind: 'agent', user: sshd.user, agent } } as const;
    t.true((await read(clientOf(t, byRule), url)).length > 0);
    const byDefault = { ...known, credentials: { kind: 'user', user: sshd.user } } as const;
    t.true((await read(clientOf(t, byDefault, { home: { directory, agent } }), url)).length > 0);
    await writeFile(
      join(directory, '.ssh', 'config'),
      `Host alias
  HostName 127.0.0.1
  Port ${sshd.port}
  User ${sshd.user}
  UserKnownHostsFile ${sshd.knownHosts}
  IdentitiesOnly yes
  IdentityFile "${other}"
`,
      { mode: 0o600 },
    );
    const chosen = clientOf(t, {}, { home: { directory, agent } });
    await assertCode(stat(chosen, `sftp://alias${sshd.directory}/authorized_keys`), 'ACCESS_DENIED');
    await sshd.authorize('other key');
    const allowed = clientOf(t, {}, { home: { directory, agent } });
    t.true((await read(allowed, `sftp://alias${sshd.directory}/authorized_keys`)).length > 0);
  },
);

testWithSshd('the keys of ~/.ssh log in without a rule, and `~` is the home directory', async (t) => {
  const sshd = await startSshd(t);
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, '.ssh'));
  await writeFile(join(directory, '.ssh', 'id_ed25519'), await readFile(join(sshd.directory, 'key')), {
    mode: 0o600,
  });
  await writeFile(join(directory, '.ssh', 'known_hosts'), await readFile(sshd.knownHosts));
  const client = clientOf(t, {}, { home: { directory } });
  t.is((await stat(client, `sftp://${sshd.host}/~`)).kind, 'directory');
  t.is((await stat(client, `sftp://${sshd.host}/`)).kind, 'directory');
  await assertCode(stat(client, `sftp://${sshd.host}/~/d7y-none`), 'NOT_FOUND');
});

test('a jump host has its own key and login, and the policy holds behind it', async (t) => {
  const [jump, target] = [await startServer(t), await startServer(t)];
  acceptPasswords(jump, { eve: 'of jump' });
  acceptPasswords(target, { ada: 'of target' });
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, '.ssh'));
  const config = `Host target
  HostName 127.0.0.1
  Port ${target.port}
  ProxyJump eve@${jump.host}
`;
  await writeFile(join(directory, '.ssh', 'config'), config, { mode: 0o600 });
  const settingsFor = ({ host }: URL): SftpSettings =>
    host === 'target'
      ? passwordRule(target.knownHosts, 'ada', 'of target')
      : passwordRule(jump.knownHosts, 'eve', 'of jump');
  const client = sftpClient(t, { settingsFor, home: { directory } });
  t.deepEqual(await read(client, 'sftp://target/file'), CONTENT);
  t.deepEqual(jump.logins, ['none eve', 'password eve of jump']);
  t.deepEqual(target.logins, ['none ada', 'password ada of target']);
  const deny = [{ host: `127.0.0.1:${target.port}`, origin: 'the test' }];
  const policy = accessPolicy({ isShared: false, allowed: [], policy: { deny, allow: [] }, rules: [] });
  const refused = sftpClient(t, { settingsFor, home: { directory }, policy });
  await assertCode(read(refused, 'sftp://target/file'), 'ADDRESS_REFUSED');
  t.is(target.connections, 1);
  const jumpUnknown = sftpClient(t, {
    settingsFor: ({ host }) => settingsFor(new URL(host === 'target' ? 'sftp://target' : 'sftp://x')),
    home: { directory },
  });
  jump.changeHostKey();
  await assertCode(read(jumpUnknown, 'sftp://target/file'), 'HOST_KEY');
});

test('a forward proxy of the rule leads to the host, which may speak first', async (t) => {
  const server = await startServer(t);
  const { host, tunnels } = await startTunnelProxy(t, server.port);
  const name = `files.test:${server.port}`;
  const known = (await readFile(server.knownHosts, 'utf8')).replace('127.0.0.1', 'files.test');
  await writeFile(server.knownHosts, known);
  const settings = {
    credentials: { kind: 'anonymous' },
    knownHostsFile: server.knownHosts,
    proxy: literalSecret(`http://user:secret@${host}`),
  } as const;
  t.deepEqual(await read(clientOf(t, settings), `sftp://${name}/file`), CONTENT);
  t.deepEqual(tunnels, [`${name} Basic ${Buffer.from('user:secret').toString('base64')}`]);
  const deny = [{ host: 'files.test', origin: 'the test' }];
  const policy = accessPolicy({ isShared: false, allowed: [], policy: { deny, allow: [] }, rules: [] });
  await assertCode(stat(clientOf(t, settings, { policy }), `sftp://${name}/file`), 'ADDRESS_REFUSED');
  t.is(tunnels.length, 1);
});

test('an address that the policy refuses is not connected to', async (t) => {
  const server = await startServer(t);
  const settings = { credentials: { kind: 'anonymous' }, knownHostsFile: server.knownHosts } as const;
  const client = clientOf(t, settings, { policy: addressPolicy({ isShared: true, allowed: [] }) });
  await assertCode(stat(client, `sftp://${server.host}/file`), 'ADDRESS_REFUSED');
  t.is(server.connections, 0);
});

test('one connection serves all calls; a lost one is replaced, and a busy one gets help', async (t) => {
  const server = await startServer(t);
  const settings = { credentials: { kind: 'anonymous' }, knownHostsFile: server.knownHosts } as const;
  const client = clientOf(t, settings);
  const url = `sftp://${server.host}/file`;
  await Promise.all(Array.from({ length: 20 }, () => read(client, url)));
  t.is(server.connections, 1);
  server.cut();
  await until('another one', async () => (await stat(client, url).catch(() => undefined)) !== undefined);
  await read(client, url);
  t.is(server.connections, 2);
  server.files.set('/large', { kind: 'file', content: Buffer.alloc(4_000_000) });
  server.fault = ({ type, path }) => (type === 'READ' && path === '/large' ? 'hang' : undefined);
  const range = { start: 0, end: 4_000_000 };
  const readings = ['large', 'large', 'large'].map((name) =>
    read(client, `sftp://${server.host}/${name}`, { range }).catch(() => undefined),
  );
  await until('much is in flight', () => server.pendingReads >= 2);
  await until('another connection', async () => {
    await stat(client, url);
    return server.connections >= 3;
  });
  t.deepEqual(await read(client, url), CONTENT);
  server.fault = () => undefined;
  server.cut();
  await Promise.all(readings);
  t.true(server.connections <= 8);
});
