/** sftp through a mount, by real programs; what another user of the machine, and a reader of the log, see of it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { SSHD_MISSING, startSshd } from '../servers/sshd.js';
import { startSftpServer } from '../servers/sftp/sftp-server.js';
import { onDevFuse, run } from '../support/mounted.js';
import { configFile, makeOriginal, ok, readsAsOriginal } from '../support/original-tree.js';
import { temporaryDirectory } from '../support/temp.js';

const onSshd: typeof onDevFuse =
  SSHD_MISSING === undefined
    ? onDevFuse
    : (title) => test.skip(`${title} (${SSHD_MISSING})`, () => undefined);

function ruleOf({ user, directory, knownHosts }: Awaited<ReturnType<typeof startSshd>>): object {
  const credentials = { user, keyFile: join(directory, 'key') };
  return { match: { scheme: 'sftp' }, credentials, knownHostsFile: knownHosts };
}

onSshd('real programs read sftp as the original', async (t, mount) => {
  const root = await makeOriginal(t);
  await ok(t, 'cd "$1" && find . -exec touch -hd "1 hour ago" {} +', root);
  const sshd = await startSshd(t);
  const tree = `${await mount('--config', await configFile(t, ruleOf(sshd)))}/sftp/${sshd.host}${root}`;
  await readsAsOriginal(t, tree, root);
});

onSshd('git clones a repository, whose files are new, and follows its links', async (t, mount) => {
  const root = await temporaryDirectory(t);
  const script = `
cd "$1" && git init -q work && cd work
git config user.email a@b.c && git config user.name a
for i in 1 2 3; do seq $i 40000 > file$i; git add . ; git commit -qm "commit $i"; done
cd .. && git clone -q --bare work bare.git
ln -s bare.git link.git && ln -s . loop && ln -s nowhere dangling && mkdir sub && ln -s .. sub/up`;
  await ok(t, script, root);
  const sshd = await startSshd(t);
  const tree = `${await mount('--config', await configFile(t, ruleOf(sshd)))}/sftp/${sshd.host}${root}`;
  const clone = join(await temporaryDirectory(t), 'clone');
  await ok(t, 'git -c safe.directory="*" clone -q "$1/link.git" "$2"', tree, clone);
  await ok(t, 'diff -r --exclude=.git "$1/work" "$2"', root, clone);
  await ok(t, 'git -C "$1" fsck --full', clone);
  const listed = await ok(t, 'cd "$1" && find . -maxdepth 2 -not -path "*.git*" | sort | tr "\\n" " "', tree);
  t.is(listed, '. ./sub ./work ./work/file1 ./work/file2 ./work/file3 ');
});

const NAMES_OF_BYTES = `
import os, sys
root, tree = map(os.fsencode, sys.argv[1:])
names = [b'caf\\xe9.txt', b'\\xff', b'\\xe6\\x97', 'über'.encode(), b'100%', b'a?b', b'\\x9b\\xfe'.ljust(200, b'\\xfd')]
os.mkdir(root + b'/dir \\xfc')
for name in names:
    with open(root + b'/dir \\xfc/' + name, 'wb') as f: f.write(b'content of ' + name)
assert sorted(os.listdir(tree + b'/dir \\xfc')) == sorted(names), os.listdir(tree + b'/dir \\xfc')
for name in names: assert open(tree + b'/dir \\xfc/' + name, 'rb').read() == b'content of ' + name, name
try: os.stat(tree + b'/dir \\xfc/\\xfe'); assert False
except FileNotFoundError: pass
`;

// S10
onSshd('names on an SSH server are bytes, of any encoding or none', async (t, mount) => {
  const root = await temporaryDirectory(t);
  const sshd = await startSshd(t);
  const tree = `${await mount('--config', await configFile(t, ruleOf(sshd)))}/sftp/${sshd.host}${root}`;
  const { code, stderr } = await run('python3', ['-c', NAMES_OF_BYTES, root, tree]);
  t.is(code, 0, stderr);
});

onDevFuse('a host that is not known is EACCES, and the log has the line to add', async (t, mount) => {
  const server = await startSftpServer(t);
  server.files.set('/file', { kind: 'file', content: Buffer.from('content') });
  const line = (await readFile(server.knownHosts, 'utf8')).trim();
  await writeFile(server.knownHosts, '');
  const rule = { match: { scheme: 'sftp' }, credentials: 'anonymous', knownHostsFile: server.knownHosts };
  const log = join(await temporaryDirectory(t), 'log');
  const mnt = await mount('--config', await configFile(t, rule), '--log-file', log, '--negative-ttl', '0s');
  const refused = await run('cat', [`${mnt}/sftp/${server.host}/file`]);
  t.regex(refused.stderr, /Permission denied/);
  const text = await readFile(log, 'utf8');
  t.true(text.includes(`add the line: ${line}`), text);
  t.deepEqual(server.logins, []);
});
