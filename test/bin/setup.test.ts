import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import test from 'ava';

import { shell } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const asRoot = process.getuid?.() === 0 ? test : test.skip;

// In a mount namespace of its own, over whose /usr/sbin another file system lies.
const SCRIPT = `exec unshare -m sh -euc '
  mount -t tmpfs none "$1"; mkdir "$1/upper" "$1/work"
  mount -t overlay -o lowerdir=/usr/sbin,upperdir=$1/upper,workdir=$1/work overlay /usr/sbin
  rm -f /usr/sbin/policy-rc.d
  cd "$3"; PATH=$2:$PATH sh "$2/setup.sh" run || echo "failed: $?"
  ls /usr/sbin/policy-rc.d' sh "$@"`;

asRoot('setup leaves no policy-rc.d behind when apt-get fails', async (t) => {
  const [overlay, directory] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  const aptGet = join(directory, 'apt-get');
  await writeFile(aptGet, '#!/bin/sh\nls /usr/sbin/policy-rc.d >&2\nexit 1\n');
  await chmod(aptGet, 0o755);
  const setup = await readFile(join(ROOT, 'bin', 'setup.sh'), 'utf8');
  await writeFile(join(directory, 'setup.sh'), setup.replace("missing=''", "missing=' some-package'"));
  const { stdout, stderr } = await shell(SCRIPT, overlay, directory, ROOT);
  t.is(stdout, 'failed: 1\n');
  // It was there for apt-get, and is not any more.
  t.regex(stderr, /^\/usr\/sbin\/policy-rc.d$/m);
  t.regex(stderr, /cannot access '\/usr\/sbin\/policy-rc.d'/);
});
