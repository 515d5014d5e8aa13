import { chmod, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import test, { type ExecutionContext } from 'ava';

import { asRoot } from '../support/conditional-test.js';
import { CLI, type Finished, run, shell } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

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

async function writePrograms(
  t: ExecutionContext,
  programs: Readonly<Record<string, string>>,
): Promise<string> {
  const directory = await temporaryDirectory(t);
  for (const [name, script] of Object.entries(programs))
    await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return directory;
}

/** Runs the script with programs of the test's own in front of those of the system. */
async function setup(
  t: ExecutionContext,
  missing: string,
  programs: Readonly<Record<string, string>>,
): Promise<Finished> {
  const directory = await writePrograms(t, programs);
  const text = await readFile(join(ROOT, 'bin', 'setup.sh'), 'utf8');
  await writeFile(join(directory, 'setup.sh'), text.replace("missing=''", `missing='${missing}'`));
  return await shell('cd "$2"; PATH=$1:$PATH exec sh "$1/setup.sh" run', directory, ROOT);
}

test('setup asks for packages that it cannot install, and does not say that it installs them', async (t) => {
  const user = { id: 'echo 1000', sudo: 'exit 1', fusermount3: '' };
  const { code, stderr } = await setup(t, ' some-package', user);
  t.is(code, 1);
  t.is(
    stderr,
    'setup: packages are missing; as root, run: apt-get update && apt-get install -y --no-install-recommends some-package\n',
  );
});

test('setup does not install into the modules of another checkout', async (t) => {
  const [checkout, modules] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  await writeFile(join(checkout, 'package-lock.json'), '{}');
  await symlink(modules, join(checkout, 'node_modules'));
  const programs = await writePrograms(t, { id: 'echo 0', npm: 'touch called' });
  const script = join(ROOT, 'bin', 'setup.sh');
  const { code, stderr } = await shell('cd "$2"; PATH=$1:$PATH exec sh "$3" run', programs, checkout, script);
  t.is(code, 1);
  t.regex(stderr, /node_modules is a link to .*; remove the link/);
  t.deepEqual((await readdir(checkout)).toSorted(), ['node_modules', 'package-lock.json']);
});

test('setup names a package once that is missing for two reasons', async (t) => {
  const commands = ['node', 'apt-get', 'ldconfig'].map((name) => [name, '']);
  const programs = { id: 'echo 1000', uname: 'echo Linux', sudo: 'exit 1', grep: 'exit 1' };
  const directory = await writePrograms(t, { ...programs, ...Object.fromEntries(commands) });
  const script = join(ROOT, 'bin', 'setup.sh');
  const { code, stderr } = await shell('PATH=$1 exec /bin/sh "$2" test', directory, script);
  t.is(code, 1);
  t.deepEqual(stderr.match(/fuse3|sqlite3/g), ['fuse3', 'sqlite3']);
});

test('setup says at once that there is no device to mount with', async (t) => {
  const directory = await writePrograms(t, {});
  const text = await readFile(join(ROOT, 'bin', 'setup.sh'), 'utf8');
  await writeFile(join(directory, 'setup.sh'), text.replaceAll('-e /dev/fuse', '-e /dev/none'));
  const { code, stderr } = await shell('cd "$2"; exec sh "$1/setup.sh" run', directory, ROOT);
  t.is(code, 1);
  t.regex(stderr, /^setup: there is no \/dev\/fuse; as root, run: modprobe fuse .*\n$/);
});

test('setup says what to do about a Node.js that is too old', async (t) => {
  const { code, stderr } = await setup(t, '', { node: 'test "$1" != --version || echo v18.20.4; exit 1' });
  t.is(code, 1);
  t.regex(
    stderr,
    /20\.19 or newer is needed, and \S+\/node is v18\.20\.4 .*nodejs\.org.*npm install -g node@22/,
  );
});

test('so does the program', async (t) => {
  const old = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"18.20.4"})';
  const { code, stderr } = await run(process.execPath, ['--import', old, CLI, '--help']);
  t.is(code, 1);
  t.regex(stderr, /^d7y-mount: Node\.js 20\.19 or newer is needed, and \S+ is v/);
});
