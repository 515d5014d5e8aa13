/** Whether this user can mount here: the device, the right to mount, the kernel. */
import { constants } from 'node:fs';
import { access, open, readFile, stat } from 'node:fs/promises';
import { release } from 'node:os';
import process from 'node:process';

import { codeOf, messageOf } from '../../src/error-code.js';
import { readMounts } from '../../src/mount/mount-table.js';
import { loadSyscalls } from '../../src/native/posix.js';
import { fail, type Finding, ok, warn } from './check.js';
import { inContainer, textOf } from './host-facts.js';
import { runOutside } from './look-outside.js';
import type { SetUp } from './set-up.js';

const DEVICE = '/dev/fuse';
const GIVE_DEVICE =
  'start the container with `docker run --device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined`, or pass a descriptor (docs/OPERATING.md, "In a container")';
const LOAD_MODULE =
  'as root: `modprobe fuse`; if the file is still missing: `mknod -m 666 /dev/fuse c 10 229`';

export async function checkDevice(): Promise<Finding[]> {
  const isContainer = inContainer();
  try {
    const found = await stat(DEVICE);
    if (!found.isCharacterDevice()) {
      return [
        fail(
          `${DEVICE} is no device`,
          'as root: `rm /dev/fuse && modprobe fuse && mknod -m 666 /dev/fuse c 10 229`',
        ),
      ];
    }
    await (await open(DEVICE, constants.O_RDWR)).close();
    return [ok(`${DEVICE} can be opened`)];
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return [fail(`${DEVICE} is missing`, isContainer ? GIVE_DEVICE : LOAD_MODULE)];
    if (code === 'EACCES')
      return [
        fail(`only some users may open ${DEVICE}`, 'as root: `chmod 666 /dev/fuse` (udev does that at boot)'),
      ];
    if (code === 'EPERM')
      return [fail(`${DEVICE} is there, and this container may not open it (device cgroup)`, GIVE_DEVICE)];
    return [fail(`${DEVICE} cannot be opened (${code}): the module is not loaded`, LOAD_MODULE)];
  }
}

const CAP_SYS_ADMIN = 21n;

/** Root mounts by itself; an ordinary user through fusermount3. */
export async function checkPrivilege({ uid }: SetUp): Promise<Finding[]> {
  const status = textOf('/proc/self/status');
  if (uid === 0) {
    const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
    if (((capabilities >> CAP_SYS_ADMIN) & 1n) === 1n) return [ok('root may mount')];
    return [fail('root may not mount here: CAP_SYS_ADMIN is missing', GIVE_DEVICE)];
  }
  const path = await fusermount();
  if (path === undefined)
    return [
      fail(
        'fusermount3, through which an ordinary user mounts, is not on PATH',
        'as root: `apt-get install fuse3`',
      ),
    ];
  const { mode, uid: owner, gid } = await stat(path);
  if ((mode & constants.S_IXOTH) === 0 && !(await canRun(path))) {
    return [
      fail(
        `${path} may be run by group ${gid} only, which this user is not in`,
        `as root: \`usermod -aG ${groupName(gid)} ${process.env['USER'] ?? 'USER'}\`, and log in anew`,
      ),
    ];
  }
  if (owner !== 0 || (mode & 0o4000) === 0)
    return [fail(`${path} is not set-uid root`, `as root: \`chown root ${path} && chmod u+s ${path}\``)];
  if (/^NoNewPrivs:\s*1/m.test(status)) {
    return [
      fail(
        'set-uid programs have no effect here (no_new_privs), so that fusermount3 cannot mount',
        'take `NoNewPrivileges` out of the systemd unit, or `--security-opt no-new-privileges` from the container',
      ),
    ];
  }
  if (await isNosuid(path))
    return [
      fail(
        `${path} lies on a file system that is mounted nosuid`,
        'as root: `mount -o remount,suid` that one',
      ),
    ];
  return [ok(`mounts through ${path}`)];
}

/** By a child: a directory of PATH may hang. */
async function fusermount(): Promise<string | undefined> {
  const script = 'IFS=:; for d in $PATH; do [ -e "$d/$0" ] && echo "$d/$0" && break; done';
  const { stdout } = await runOutside('sh', ['-c', script, 'fusermount3']);
  return stdout.trim() === '' ? undefined : stdout.trim();
}

async function canRun(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function groupName(gid: number): string {
  return new RegExp(`^([^:]+):[^:]*:${gid}:`, 'm').exec(textOf('/etc/group'))?.[1] ?? String(gid);
}

async function isNosuid(path: string): Promise<boolean> {
  const below = (await readMounts()).filter(
    ({ mountpoint }) => mountpoint === '/' || path.startsWith(`${mountpoint}/`),
  );
  const lengthOf = ({ mountpoint }: { readonly mountpoint: string }): number => mountpoint.length;
  const own = below.toSorted((a, b) => lengthOf(b) - lengthOf(a))[0];
  return own?.options.includes('nosuid') === true;
}

/** fusermount3 lets ordinary users have allow_other only where root permits it. */
export async function checkAllowOther({ uid, configuration }: SetUp): Promise<Finding[]> {
  if (!configuration.options.allowOther) return [];
  if (uid === 0) return [ok('root may let other users in')];
  const text = await readFile('/etc/fuse.conf', 'utf8').catch(() => '');
  if (/^\s*user_allow_other\s*$/m.test(text)) return [ok('/etc/fuse.conf has user_allow_other')];
  const wanted = configuration.origins.allowOther ?? '--allow-other';
  return [
    fail(
      `${wanted} wants to let other users in, and /etc/fuse.conf has no line user_allow_other`,
      'as root: `echo user_allow_other >> /etc/fuse.conf`; or do without --allow-other',
    ),
  ];
}

/** FUSE 7.31, 7.40 and 7.45 (`protocol.ts`). */
const OLDEST: Release = [5, 4];
const FEATURES: readonly { readonly name: string; readonly since: Release; readonly isRoots: boolean }[] = [
  { name: 'passthrough of complete local copies', since: [6, 9], isRoots: true },
  { name: 'pruning of unused names', since: [6, 18], isRoots: false },
];

type Release = readonly [major: number, minor: number];

export function checkKernel({ uid, configuration }: SetUp, found = release()): Finding[] {
  const own: Release = [Number(/^\d+/.exec(found)?.[0] ?? 0), Number(/^\d+\.(\d+)/.exec(found)?.[1] ?? 0)];
  if (!isSince(own, OLDEST) && configuration.options.transport !== 'fuse-native') {
    const needed = OLDEST.join('.');
    return [
      fail(
        `Linux ${found} is too old: the transport dev-fuse needs ${needed}`,
        `take a kernel from ${needed} on, or \`--transport fuse-native\``,
      ),
    ];
  }
  const shown = FEATURES.map(({ name, since, isRoots }) => {
    if (!isSince(own, since)) return `no ${name} (from ${since.join('.')} on)`;
    return isRoots && uid !== 0 ? `${name} for root alone` : name;
  });
  return [ok(`Linux ${found}: ${shown.join(', ')}`)];
}

function isSince([major, minor]: Release, [sinceMajor, sinceMinor]: Release): boolean {
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

/** As `compose` chooses it. */
export async function checkTransport({ configuration }: SetUp): Promise<Finding[]> {
  const { transport } = configuration.options;
  const because =
    transport === 'auto' ? 'the default on Linux' : (configuration.origins.transport ?? 'chosen');
  const failure = await loadSyscalls().then(() => undefined, messageOf);
  if (transport !== 'fuse-native' && failure === undefined) return [ok(`dev-fuse: ${because}`)];
  if (transport === 'dev-fuse') {
    return [
      fail(
        `dev-fuse cannot be used: koffi cannot be loaded (${failure})`,
        'run `npm ci` in the clone again, on this machine',
      ),
    ];
  }
  const { loadFuseNative } = await import('../../src/mount/fuse-native/load-fuse-native.js');
  try {
    loadFuseNative();
  } catch (error) {
    const libfuse = 'as root: `apt-get install libfuse2`, then `npm ci` in the clone';
    return [fail(`fuse-native cannot be loaded: ${messageOf(error)}`, libfuse)];
  }
  if (transport === 'fuse-native') return [ok(`fuse-native: ${because}`)];
  return [
    warn(
      `fuse-native, which is slower: koffi, which dev-fuse needs, cannot be loaded (${failure})`,
      'run `npm ci` in the clone again, on this machine',
    ),
  ];
}

/** `fusermount3 -u` reads it. */
export async function checkMtab({ uid }: SetUp): Promise<Finding[]> {
  const isThere = await stat('/etc/mtab').then(
    () => true,
    () => false,
  );
  if (isThere) return [ok('/etc/mtab is there')];
  if (uid === 0) return [];
  return [
    warn(
      '/etc/mtab is missing: `fusermount3 -u` cannot unmount',
      'as root: `ln -s /proc/self/mounts /etc/mtab`; or use `d7y-mount unmount`',
    ),
  ];
}
