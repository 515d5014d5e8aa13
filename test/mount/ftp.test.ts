/** ftp and ftps through a mount, by real programs, and what reading costs. */
import { join } from 'node:path';

import { ftpFiles, startPyftpdlib, startVsftpd } from '../support/ftp-servers.js';
import { startFtpFaultServer } from '../support/ftp-fault-server.js';
import { onDevFuse, shell } from '../support/mounted.js';
import { configFile, makeOriginal, ok, readsAsOriginal } from '../support/original-tree.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

onDevFuse('real programs read ftp and ftps as the original', async (t, mount) => {
  const root = await makeOriginal(t);
  const [plain, explicit, implicit, facts] = await Promise.all([
    startVsftpd(t, 'none'),
    startVsftpd(t, 'explicit'),
    startVsftpd(t, 'implicit'),
    startPyftpdlib(t, { user: 'ada', password: 'secret of ada' }),
  ]);
  for (const server of [plain, explicit, implicit, facts]) await ftpFiles(root, server.root);
  const rules = [
    { match: { scheme: 'ftp', host: explicit.host }, tls: { mode: 'explicit', ca: explicit.ca } },
    { match: { scheme: 'ftps', host: implicit.host }, tls: { ca: implicit.ca } },
    {
      match: { scheme: 'ftp', host: facts.host },
      credentials: { user: 'ada', password: 'secret of ada' },
    },
  ];
  const mnt = await mount('--config', await configFile(t, ...rules));
  await readsAsOriginal(t, `${mnt}/ftp/${plain.host}/~`, root);
  await readsAsOriginal(t, `${mnt}/ftp/${explicit.host}/~`, root);
  await readsAsOriginal(t, `${mnt}/ftps/${implicit.host}/~`, root);
  await readsAsOriginal(t, `${mnt}/ftp/${facts.host}`, root);
});

// S28 S170
onDevFuse('permissions are those of the server, with facts and without', async (t, mount) => {
  const mnt = await mount();
  for (const server of [await startVsftpd(t, 'none'), await startPyftpdlib(t)]) {
    const script = `
cd "$1" && printf '#!/bin/sh\necho "ran $1"\n' > script.sh && cp script.sh .hidden && cp script.sh 'a [b]*.sh'
cp script.sh data.sh && chmod 755 *.sh .hidden && chmod 640 data.sh && find . -exec touch -d "1 hour ago" {} +`;
    await ok(t, script, server.root);
    const tree = `${mnt}/ftp/${server.host}/~`;
    const modes = `stat -c '%A %n' script.sh .hidden data.sh`;
    const shown = '-r-xr-xr-x script.sh\n-r-xr-xr-x .hidden\n-r--r----- data.sh\n';
    t.is(await ok(t, 'cd "$1" && ./script.sh once && ./.hidden twice', tree), 'ran once\nran twice\n');
    t.is(await ok(t, 'cd "$1" && "./a [b]*.sh" odd', tree), 'ran odd\n');
    t.is(await ok(t, `cd "$1" && ${modes}`, tree), shown);
    t.is(await ok(t, `cd "$1" && ls -la | grep -c '^-r-x'; ${modes}`, tree), `3\n${shown}`);
    t.is(await ok(t, 'cd "$1" && cat "a [b]*.sh" > /dev/null && "./a [b]*.sh" again', tree), 'ran again\n');
    t.is((await shell('cd "$1" && ./data.sh', tree)).code, 126);
  }
});

onDevFuse('git clones a bare repository that lies on ftp', async (t, mount) => {
  const work = await temporaryDirectory(t);
  const server = await startPyftpdlib(t);
  const script = `
    cd "$1" && git init -q work && cd work && git config user.email a@b && git config user.name a
    for i in 1 2 3 4 5; do seq $((i * 1000)) > file$i && git add . && git commit -qm "commit $i" || exit 1; done
    git clone -q --bare . ../bare.git && rm -f ../bare.git/hooks/*`;
  await ok(t, script, work);
  await ftpFiles(join(work, 'bare.git'), join(server.root, 'bare.git'));
  const mnt = await mount();
  const clone = `git -c safe.directory='*' clone -q "file://$1" "$2/clone" && cd "$2/clone" && git fsck --strict && git log --oneline | wc -l && diff -r --exclude=.git . "$2/work"`;
  t.is((await ok(t, clone, `${mnt}/ftp/${server.host}/bare.git`, work)).trim(), '5');
});

onDevFuse('a file that was listed costs no second listing for its permissions', async (t, mount) => {
  const server = await startFtpFaultServer(t, { lacks: ['MLST', 'MLSD'] });
  server.put('/dir/listed', 'content');
  const file = `${await mount()}/ftp/${server.host}/dir/listed`;
  await ok(t, 'ls -l "$(dirname "$1")"', file);
  server.commands.length = 0;
  t.is(await ok(t, 'cat "$1"', file), 'content');
  await until('the version was compared', () => server.commands.at(-1)?.startsWith('MDTM') === true);
  t.deepEqual(
    server.commands.map((line) => line.split(' ')[0]).filter((name) => name === 'LIST'),
    [],
  );
  t.is(await ok(t, 'stat -c %A "$1"', file), '-r--r--r--\n');
});

onDevFuse('a file that is read in its order costs few transfers', async (t, mount) => {
  const server = await startFtpFaultServer(t);
  const content = pattern(64 * 1024 * 1024);
  server.put('/dir/large', content);
  const mnt = await mount();
  const file = `${mnt}/ftp/${server.host}/dir/large`;
  await ok(t, 'cat "$1" | md5sum', file);
  const transfers = server.commands.filter((line) => line.startsWith('RETR'));
  t.true(transfers.length <= 3, `${transfers.length} transfers`);
  t.true(server.connections.most <= 4);
});

onDevFuse(
  'ls -l of a directory with facts is one listing, and opening a file queries it once',
  async (t, mount) => {
    const server = await startFtpFaultServer(t);
    for (let i = 0; i < 500; i += 1) server.put(`/many/${i}`, 'x'.repeat(i % 100));
    const mnt = await mount();
    const many = `${mnt}/ftp/${server.host}/many`;
    const listed = await ok(t, 'ls -l "$1" | awk \'$5 == $9 % 100\' | wc -l', many);
    t.is(listed.trim(), '500');
    const names = (): string[] => server.commands.map((line) => line.split(' ')[0] ?? '');
    t.is(names().filter((name) => name === 'MLSD').length, 1);
    server.commands.length = 0;
    t.is(await ok(t, 'cat "$1/442"', many), 'x'.repeat(42));
    await until('the version was compared', () => names().length === 4);
    t.deepEqual(names(), ['MLST', 'EPSV', 'RETR', 'MLST']);
  },
);
