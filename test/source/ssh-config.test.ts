import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { readHostConfig, type SshHome } from '../../src/source/schemes/sftp/ssh-config.js';

import { failureOf } from '../support/conformance/reading.js';
import { temporaryDirectory } from '../support/temp.js';

async function homeWith(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<SshHome> {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, '.ssh', 'conf.d'), { recursive: true });
  for (const [name, text] of Object.entries(files))
    await writeFile(join(directory, '.ssh', name), text, { mode: 0o600 });
  return { directory, globalKnownHosts: ['/etc/known'], agent: '/run/agent' };
}

test('without a file, all is as OpenSSH has it', async (t) => {
  const home = await homeWith(t, {});
  const ssh = join(home.directory, '.ssh');
  t.deepEqual(await readHostConfig(home, 'host', {}), {
    host: 'host',
    port: 22,
    user: userInfo().username,
    hostKeyAlias: undefined,
    knownHostsFiles: [join(ssh, 'known_hosts'), join(ssh, 'known_hosts2'), '/etc/known'],
    identityFiles: ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(ssh, name)),
    hasIdentities: false,
    identitiesOnly: false,
    agent: '/run/agent',
    jumps: [],
  });
});

test('what the file says of a host is heeded; the rule and the URL go before it', async (t) => {
  const home = await homeWith(t, {
    config: `
Include conf.d/*.conf
Host lab
  HostName %h.example
  Port 2222
  User ada
  IdentityFile ~/keys/%r@%h
  IdentityFile "/keys/a b"
  IdentitiesOnly yes
  IdentityAgent none
  ProxyJump one,eve@two:33
  HostKeyAlias alias
  UserKnownHostsFile ~/known /known
  GlobalKnownHostsFile /global
Host other
  ProxyJump none
  IdentityAgent /agent
Host *
  User all
`,
    'conf.d/a.conf': 'Host included\n  HostName 192.0.2.1\n',
    'conf.d/b.other': 'Host *\n  Port 1\n',
  });
  const { directory } = home;
  t.deepEqual(await readHostConfig(home, 'lab', {}), {
    host: 'lab.example',
    port: 2222,
    user: 'ada',
    hostKeyAlias: 'alias',
    knownHostsFiles: [join(directory, 'known'), '/known', '/global'],
    identityFiles: [join(directory, 'keys/ada@lab.example'), '/keys/a b'],
    hasIdentities: true,
    identitiesOnly: true,
    agent: undefined,
    jumps: ['one', 'eve@two:33'],
  });
  t.like(await readHostConfig(home, 'lab', { user: 'bob', port: 22 }), { user: 'bob', port: 22 });
  t.like(await readHostConfig(home, 'other', {}), { agent: '/agent', jumps: [], user: 'all', port: 22 });
  t.like(await readHostConfig(home, 'included', {}), { host: '192.0.2.1', user: 'all' });
});

test('a configuration that others can write to is refused, and commands in it are not run', async (t) => {
  const home = await homeWith(t, {});
  const mark = join(home.directory, 'ran');
  const config = join(home.directory, '.ssh', 'config');
  await writeFile(
    config,
    `Match host host exec "touch ${mark}"
  User nobody
Host host
  CanonicalizeHostname yes
  CanonicalDomains example
  User ada
`,
    { mode: 0o600 },
  );
  t.is((await readHostConfig(home, 'host', {})).user, 'ada');
  t.false(existsSync(mark));
  await chmod(config, 0o666);
  const error = await failureOf(readHostConfig(home, 'host', {}));
  t.is(error.code, 'NOT_CONFIGURED');
  t.is(error.found, 'bad owner or permissions');
  await chmod(config, 0o600);
  await writeFile(config, 'Host host\n  ProxyCommand nc %h %p\n');
  t.regex((await failureOf(readHostConfig(home, 'host', {}))).message, /ProxyCommand is not supported/);
});
