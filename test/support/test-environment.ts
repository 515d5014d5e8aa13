import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** What processes that end by themselves may take for it on a busy machine. */
const END_LIMIT_MS = 30_000;
const POLL_MS = 50;

const SYSTEM_LOG = '/var/log/d7y-mount.log';

/**
 * The directories of one run of the suite. Its processes get a home and temporary files of their own, and every
 * process inherits D7Y_TEST_RUN, which names the run.
 */
export interface TestEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** Removes what the run left behind, and returns a line for each of it. Blocks: nothing else runs by then. */
  end(): string[];
}

export function createTestEnvironment(): TestEnvironment {
  const directory = mkdtempSync(join(tmpdir(), 'd7y-'));
  const [home, temporary] = [join(directory, 'home'), join(directory, 'tmp')];
  const runtime = join(directory, 'run');
  mkdirSync(home);
  mkdirSync(temporary);
  // An ordinary user's mounts keep a directory of their own in it.
  mkdirSync(join(runtime, 'd7y-mount'), { recursive: true, mode: 0o700 });
  // Tests run programs as other users, which must be able to pass.
  for (const path of [directory, temporary]) chmodSync(path, 0o711);
  const variables = {
    D7Y_TEST_RUN: directory,
    // One more process for each mount: test/support/supervised-mount.ts has them.
    D7Y_MOUNT_SUPERVISE: 'false',
    HOME: home,
    TMPDIR: temporary,
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_RUNTIME_DIR: runtime,
    XDG_STATE_HOME: join(home, 'state'),
  };
  const startedMs = Date.now();
  return {
    variables,
    end: () => {
      const left = [
        ...runningOrMounted(directory),
        ...[home, temporary, join(runtime, 'd7y-mount')].flatMap(filesIn),
      ];
      rmSync(directory, { recursive: true, force: true });
      return [...left, ...usersOwn(startedMs), ...loggedBy(directory)];
    },
  };
}

function runningOrMounted(directory: string): string[] {
  const endsAt = performance.now() + END_LIMIT_MS;
  let [processes, mountpoints] = [processesOf(directory), mountpointsBelow(directory)];
  while (processes.length + mountpoints.length > 0 && performance.now() < endsAt) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    [processes, mountpoints] = [processesOf(directory), mountpointsBelow(directory)];
  }
  // One of them may end meanwhile.
  if (processes.length > 0) spawnSync('kill', ['-9', ...processes.map(({ pid }) => String(pid))]);
  for (const mountpoint of mountpoints.toReversed()) spawnSync('umount', ['-l', mountpoint]);
  return [
    ...processes.map(({ pid, command }) => `still running: ${pid} ${command}`),
    ...mountpoints.map((mountpoint) => `still mounted: ${mountpoint}`),
  ];
}

function processesOf(directory: string): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readIfThere(`/proc/${pid}/environ`).split('\0').includes(`D7Y_TEST_RUN=${directory}`))
    .map((pid) => ({
      pid: Number(pid),
      command: readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' '),
    }));
}

function mountpointsBelow(directory: string): string[] {
  return readIfThere('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mountpoint) => mountpoint.startsWith(`${directory}/`));
}

function filesIn(directory: string): string[] {
  return readdirSync(directory).map((name) => `left behind: ${join(directory, name)}`);
}

/** What was made or removed in the directories that a mount uses by default. */
function usersOwn(sinceMs: number): string[] {
  const { XDG_CACHE_HOME, XDG_RUNTIME_DIR, XDG_STATE_HOME } = process.env;
  const state = XDG_STATE_HOME ?? join(homedir(), '.local', 'state');
  const directories = [XDG_CACHE_HOME ?? join(homedir(), '.cache'), state, XDG_RUNTIME_DIR ?? state]
    .map((parent) => join(parent, 'd7y-mount'))
    .concat(join(homedir(), '.dragonfly'));
  return [...new Set(directories)]
    .flatMap(directoriesBelow)
    .filter((path) => (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > sinceMs)
    .map((path) => `changed by the tests, or by a mount of yours meanwhile: ${path}`);
}

function directoriesBelow(root: string): string[] {
  if (statSync(root, { throwIfNoEntry: false }) === undefined) return [];
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const below = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [root, ...below];
}

function loggedBy(directory: string): string[] {
  return readIfThere(SYSTEM_LOG).includes(directory) ? [`used by a mount of the tests: ${SYSTEM_LOG}`] : [];
}

/** Of a file that is gone, or another user's: nothing. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
