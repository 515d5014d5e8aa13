/** sftp through a mount, by real programs; what another user of the machine, and a reader of the log, see of it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { isRoot, testWhere } from '../support/conditional-test.js';
import { SSHD_MISSING, startSshd } from '../servers/sshd.js';
import { startSftpServer } from '../servers/sftp/sftp-server.js';
import { eachTransport, mounted, onDevFuse, run, shell } from '../support/mounted.js';
import { configFile, makeOriginal, ok, readsAsOriginal } from '../support/original-tree.js';
import { temporaryDirectory } from '../support/temp.js';

const onSshd: typeof onDevFuse =
  SSHD_MISSING === undefined
    ? onDevFuse
    : (title) => test.skip(`${title} (${SSHD_MISSING})`, () => undefined);

const onSshdEach: typeof eachTransport =
  SSHD_MISSING === undefined
    ? eachTransport
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

// S28 S169 S170
onSshdEach(
  'permissions are those of the server: scripts and programs run, and nothing else',
  async (t, mount) => {
    const root = await temporaryDirectory(t);
    const script = `
cd "$1" && printf '#!/bin/sh\necho "ran $1"\n' > script.sh && cp script.sh data.sh && cp /bin/true program && mkdir bin own
cp script.sh bin/tool && ln -s bin/tool link && ssh-keygen -q -t ed25519 -N '' -f key
chmod 4755 script.sh bin/tool program && chmod 640 data.sh && chmod 2750 own && chmod 600 key
find . -exec touch -d "1 hour ago" {} +`;
    await ok(t, script, root);
    const sshd = await startSshd(t);
    const config = await configFile(t, ruleOf(sshd));
    const mnt = await mount('--config', config);
    const tree = `${mnt}/sftp/${sshd.host}${root}`;
    const modes = `stat -c '%A %n' script.sh data.sh link program key key.pub own bin`;
    const shown =
      '-r-xr-xr-x script.sh\n-r--r----- data.sh\n-r-xr-xr-x link\n-r-xr-xr-x program\n' +
      '-r-------- key\n-r--r--r-- key.pub\ndr-xr-x--- own\ndr-xr-xr-x bin\n';
    t.is(
      await ok(t, `cd "$1" && ./script.sh "$2" && ./link twice && ./program`, tree, 'once'),
      'ran once\nran twice\n',
    );
    t.is(await ok(t, `cd "$1" && ${modes}`, tree), shown);
    t.is(await ok(t, `cd "$1" && ls -l | grep -c '^[d-]r'; ${modes}`, tree), `8\n${shown}`);
    t.is(
      await ok(t, 'PATH="$1/bin:$PATH" tool by PATH', tree.replace(`:${sshd.port}`, `%3A${sshd.port}`)),
      'ran by\n',
    );
    const refused = await shell('cd "$1"; test -x script.sh && test ! -x data.sh && ./data.sh', tree);
    t.regex(refused.stderr, /Permission denied/);
    t.is(refused.code, 126);
    t.is(
      await ok(t, 'rsync -rnc --exclude=link --out-format=%n "$1/" "$2/" | grep -v "/$"; true', tree, root),
      '',
    );
    const copy = await temporaryDirectory(t);
    await ok(t, 'cp -p "$1/script.sh" "$1/key" "$2" && rsync -a "$1/own" "$2/"', tree, copy);
    t.is(
      await ok(t, 'cd "$1" && stat -c "%a %n" script.sh key own', copy),
      '555 script.sh\n400 key\n550 own\n',
    );
    // It takes no key that others could read.
    t.is(await ok(t, 'ssh-keygen -y -f "$1/key"', tree), await ok(t, 'cat "$1/key.pub"', root));

    const masked = `${await mount('--config', config, '--umask', '027', '--no-exec')}/sftp/${sshd.host}${root}`;
    t.is(
      await ok(t, `cd "$1" && ls -l > /dev/null && ${modes}`, masked),
      shown
        .replaceAll(/^(.).*? /gm, (_, type: string) => `${type}r-xr-x--- `)
        .replaceAll(/x(?=.*(data|key))/g, '-'),
    );
    t.is((await shell('"$1/script.sh"', masked)).code, 126);
  },
);

const asRootOnSshd = testWhere(isRoot && SSHD_MISSING === undefined, 'root and sshd', test.serial);
const AS_NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups';

// S169 S170
asRootOnSshd('whom a mount lets in may read, and run, what its login may', async (t) => {
  const root = await temporaryDirectory(t);
  const script = `
cd "$1" && printf '#!/bin/sh\necho "$(id -u)"\n' > script && mkdir own && echo secret > own/file
chmod 600 own/file && chmod 700 script own && find . -exec touch -d "1 hour ago" {} +`;
  await ok(t, script, root);
  const sshd = await startSshd(t);
  const options = ['--transport', 'dev-fuse', '--allow-other', '--allow-address', '127.0.0.0/8'];
  const config = await configFile(t, ruleOf(sshd));
  const treeOf = async (...others: string[]): Promise<string> => {
    const mnt = await mounted(t, ...options, '--config', config, ...others);
    await shell('chmod 755 "$(dirname "$1")"', mnt);
    return `${mnt}/sftp/${sshd.host}${root}`;
  };
  const modes = 'cd "$1" && stat -c %a script own own/file | tr "\\n" " "';
  const shared = await treeOf();
  t.is(await ok(t, modes, shared), '555 555 444 ');
  t.is(await ok(t, `${AS_NOBODY} "$1/script" && ${AS_NOBODY} cat "$1/own/file"`, shared), '65534\nsecret\n');

  const own = await treeOf('--umask', '077');
  t.is(await ok(t, modes, own), '500 500 400 ');
  t.is(await ok(t, '"$1/script" && cat "$1/own/file"', own), '0\nsecret\n');
  t.regex((await shell(`${AS_NOBODY} cat "$1/own/file"`, own)).stderr, /Permission denied/);

  const theirs = await treeOf('--umask', '077', '--uid', '65534');
  t.is(
    await ok(t, `cd / && ${AS_NOBODY} "$1/script" && ${AS_NOBODY} cat "$1/own/file"`, theirs),
    '65534\nsecret\n',
  );
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
