import { spawn } from 'node:child_process';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { withFittingMemory } from '../../bin/fitting-memory.js';
import { cgroupLimit } from '../../src/memory/cgroup-limit.js';
import { DEFAULT_CONFIGURATION } from '../support/default-options.js';
import { CLI } from '../support/run.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;
const V1_UNLIMITED = '9223372036854771712';

/** A directory like /proc/self, whose cgroups are `files` in a directory beside it. */
async function processIn(
  t: ExecutionContext,
  groups: string,
  mounts: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<{ proc: string; sys: string }> {
  const root = await temporaryDirectory(t);
  const [proc, sys] = [join(root, 'proc'), join(root, 'cgroup')];
  await mkdir(proc);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(sys, path, '..'), { recursive: true });
    await writeFile(join(sys, path), `${text}\n`);
  }
  await writeFile(join(proc, 'cgroup'), groups);
  await writeFile(join(proc, 'mountinfo'), mounts.join('\n').replaceAll('SYS', sys));
  return { proc, sys };
}

const V2 = '30 23 0:26 / SYS rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';

// S153
test('the lowest limit of a cgroup and its ancestors counts, max and high', async (t) => {
  const files = {
    'a/memory.max': String(900 * MIB),
    'a/b/memory.max': 'max',
    'a/b/memory.high': String(512 * MIB),
    'a/b/c/memory.max': String(600 * MIB),
    'other/memory.max': '1',
  };
  const { proc, sys } = await processIn(t, '0::/a/b/c\n', [V2], files);
  t.deepEqual(cgroupLimit(proc), { bytes: 512 * MIB, path: join(sys, 'a/b/memory.high') });
});

test('a container sees its own cgroup at the top', async (t) => {
  const files = { 'memory.max': String(300 * MIB), 'memory.high': 'max' };
  const own = await processIn(t, '0::/\n', [V2], files);
  t.is(cgroupLimit(own.proc)?.bytes, 300 * MIB);
  const ofHost = await processIn(t, '0::/../../kubepods/pod1\n', [V2], files);
  t.is(cgroupLimit(ofHost.proc)?.bytes, 300 * MIB);
});

test('version 1, alone and beside version 2 without memory', async (t) => {
  const mounts = [
    '31 23 0:28 / SYS/cpu rw - cgroup cgroup rw,cpu',
    '32 23 0:29 /docker/x SYS/memory rw - cgroup cgroup rw,memory',
    '33 23 0:30 / SYS/unified rw - cgroup2 cgroup2 rw',
  ];
  const groups = '4:memory:/docker/x/sub\n1:cpu,cpuacct:/\n0::/init.scope\n';
  const files = {
    'memory/memory.limit_in_bytes': String(256 * MIB),
    'memory/sub/memory.limit_in_bytes': V1_UNLIMITED,
  };
  const { proc, sys } = await processIn(t, groups, mounts, files);
  t.deepEqual(cgroupLimit(proc), { bytes: 256 * MIB, path: join(sys, 'memory/memory.limit_in_bytes') });
});

test('without a limit, without cgroups and without /proc there is none', async (t) => {
  const { proc } = await processIn(t, '0::/a\n', [V2], { 'a/memory.max': 'max' });
  t.is(cgroupLimit(proc), undefined);
  t.is(cgroupLimit('/nonexistent'), undefined);
});

// S153
test('the default is what fits, and a value that does not fit warns', (t) => {
  const memoryIn = (limitMiB: number): number =>
    withFittingMemory(DEFAULT_CONFIGURATION, { bytes: limitMiB * MIB, path: '/memory.max' }).options.memory /
    MIB;
  t.deepEqual([64, 256, 512, 1024].map(memoryIn), [8, 56, 222, 256]);
  const given = {
    ...DEFAULT_CONFIGURATION,
    options: { ...DEFAULT_CONFIGURATION.options, memory: 300 * MIB },
    origins: { memory: '--memory' },
  };
  const found = withFittingMemory(given, { bytes: 512 * MIB, path: '/memory.max' });
  t.is(found.options.memory, 300 * MIB);
  t.deepEqual(found.warnings, [
    "300MiB of memory do not fit into the cgroup's 512MiB (/memory.max): the kernel may end the mount; 222MiB or less may do",
  ]);
  t.deepEqual(withFittingMemory(given, { bytes: 1024 * MIB, path: '/memory.max' }), given);
  t.regex(
    withFittingMemory(DEFAULT_CONFIGURATION, { bytes: MIB, path: '/m' }).warnings.join(),
    /^8MiB of memory do not/,
  );
});

/** Makes a cgroup of its own for a command; undefined: this machine does not let us. */
async function limitedGroup(t: ExecutionContext, bytes: number): Promise<string | undefined> {
  for (const [directory, file] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(directory, `d7y-mount-test-${process.pid}`);
    try {
      await mkdir(group);
      // A process that ended leaves it a moment later.
      t.teardown(() =>
        until('the group is empty', () =>
          rmdir(group).then(
            () => true,
            () => false,
          ),
        ),
      );
      await writeFile(join(group, file), String(bytes));
      return group;
    } catch {
      // The other one.
    }
  }
  return undefined;
}

// S153
test('in a real cgroup the program finds the limit', async (t) => {
  const group = await limitedGroup(t, 256 * MIB);
  if (group === undefined) {
    t.log('skipped: no cgroup can be made here');
    t.pass();
    return;
  }
  const script = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"';
  const args = ['-c', script, 'sh', group, process.execPath, CLI, 'config', 'show', '--origin'];
  const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let shown = '';
  for await (const chunk of child.stdout) shown += String(chunk);
  t.regex(
    shown,
    /^memory: 56MiB # default, in a cgroup of 256MiB \(\/sys\/fs\/cgroup.*\/d7y-mount-test-\d+\/memory\./m,
  );
});
