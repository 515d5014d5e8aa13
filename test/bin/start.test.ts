import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ExecutionContext } from 'ava';

import { asRoot } from '../support/conditional-test.js';
import { type Finished, shell } from '../support/run.js';
import { temporaryDirectory } from '../support/temp.js';

const START = fileURLToPath(new URL('../../../bin/start.sh', import.meta.url));
const NOBODY = '--reuid 65534 --regid 65534 --clear-groups';
/** Nobody's mount is there already: read-only. */
const MOUNTED = 'mkdir /mnt/d7y; mount -t tmpfs -o ro,uid=65534 none /mnt/d7y';

/** Runs start.sh as that user, in a mount namespace of its own with another /mnt; prints what it would mount. */
async function start(t: ExecutionContext, user: string, mnt: string, ...args: string[]): Promise<Finished> {
  const root = await temporaryDirectory(t);
  await chmod(root, 0o755);
  const programs = {
    'bin/setup.sh': '',
    'dist/bundle/d7y-mount.js': 'console.log(process.argv.slice(2).join(" "))',
  };
  for (const [path, text] of Object.entries(programs)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await copyFile(START, join(root, 'bin', 'start.sh'));
  const script = `exec unshare -m sh -euc '
    mount -t tmpfs -o mode=755 none /mnt; ${mnt}
    start=$1; shift
    HOME=/home/user exec setpriv ${user} sh "$start" "$@"' sh "$@"`;
  return await shell(script, join(root, 'bin', 'start.sh'), ...args);
}

asRoot('start mounts at /mnt/d7y, as a user who may mount there', async (t) => {
  const cases = [
    ['', ''],
    ['', MOUNTED],
    [NOBODY, MOUNTED],
    [NOBODY, 'chmod 777 /mnt'],
    [NOBODY, 'mkdir /mnt/d7y; chown 65534 /mnt/d7y'],
    [NOBODY, 'mkdir /mnt/d7y; chmod 777 /mnt/d7y'],
  ] as const;
  for (const [user, mnt] of cases)
    t.deepEqual(await start(t, user, mnt), { code: 0, stdout: '/mnt/d7y\n', stderr: '' }, mnt);
});

asRoot('start mounts in the home directory of a user who cannot mount at /mnt/d7y', async (t) => {
  for (const mnt of ['', 'mkdir /mnt/d7y', 'chmod 777 /mnt; mkdir /mnt/d7y']) {
    t.deepEqual(
      await start(t, NOBODY, mnt, '--memory', '64MiB'),
      {
        code: 0,
        stdout: '/home/user/d7y --memory 64MiB\n',
        stderr: 'start: nobody cannot mount at /mnt/d7y; mounting at /home/user/d7y\n',
      },
      mnt,
    );
  }
});

asRoot('start mounts on the directory that is given', async (t) => {
  t.like(await start(t, NOBODY, '', '/srv/d', '-f'), { stdout: '/srv/d -f\n', stderr: '' });
});
