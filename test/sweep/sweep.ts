/**
 * Runs each command on names of the mount and on the same names of a local read-only tree, and compares exit code,
 * output and errors. On each kind of directory a command has a directory of its own, of which the mount has never
 * heard. What differs without standing in `expected.ts` is shown, and makes the sweep fail.
 *
 *     node dist/test/sweep/sweep.js [--cli FILE] [--only REGEXP] [--kind KIND] [--out FILE] [--all]
 *
 * `--all` shows what is expected, too.
 */
import { randomInt } from 'node:crypto';
import { mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { CLI, run, shell } from '../support/run.js';
import { ALL_COMMANDS } from './commands/all-commands.js';
import { EXPECTED, expectedOf } from './expected.js';
import { type Outcome, type Places, runCommand } from './run-command.js';
import type { SweepCommand } from './sweep-command.js';
import { startSweepBucket } from './sweep-bucket.js';
import { type DirectoryKind, startSweepServer } from './sweep-server.js';
import { makeSweepTree } from './sweep-tree.js';

const KINDS: readonly DirectoryKind[] = ['known', 'bucket', 'listed', 'unlisted', 'forbidden'];

/** What is done before the command. */
const PREPARE: Partial<Record<DirectoryKind, (directory: string) => Promise<unknown>>> = {
  known: (directory) => shell('ls -l "$1" "$1/dir" "$1/dir/deep"', directory),
  // Without this the directory itself would be missing.
  unlisted: (directory) => run('cat', [join(directory, 'old.txt')]),
};

/** Commands at once. */
const WORKERS = 2;

interface Difference {
  readonly command: SweepCommand;
  readonly kind: DirectoryKind;
  readonly local: Outcome;
  readonly mounted: Outcome;
  readonly reason: string | undefined;
}

interface Ground {
  readonly base: string;
  readonly mountOf: (kind: DirectoryKind, index: number) => string;
  readonly local: string;
  readonly original: string;
  readonly tools: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cli: { type: 'string', default: CLI },
      only: { type: 'string', default: '' },
      kind: { type: 'string', multiple: true },
      out: { type: 'string' },
      all: { type: 'boolean', default: false },
    },
  });
  if (process.getuid?.() !== 0) throw new Error('the sweep mounts: it takes root');
  const kinds = KINDS.filter((kind) => values.kind?.includes(kind) ?? true);
  const only = new RegExp(values.only);
  const isWhole = values.only === '' && kinds.length === KINDS.length;
  const { chosen, skipped } = await installed(ALL_COMMANDS.filter(({ name }) => only.test(name)));
  const differences: Difference[] = [];
  let runs = 0;
  await onGround(values.cli, chosen.length, async (ground) => {
    const remaining = chosen.entries();
    const workers = Array.from({ length: WORKERS }, async (_, worker) => {
      const work = join(ground.base, `work-${worker}`);
      for (const [index, command] of remaining) {
        const local = await runCommand(command, placesOf(ground, ground.local, work));
        for (const kind of kinds) {
          if (command.lists && (kind === 'unlisted' || kind === 'forbidden')) continue;
          const directory = ground.mountOf(kind, index);
          await PREPARE[kind]?.(directory);
          const mounted = await runCommand(command, placesOf(ground, directory, work));
          runs += 1;
          if (isSame(local, mounted)) continue;
          const reason = expectedOf(command.name, kind, mounted)?.reason;
          differences.push({ command, kind, local, mounted, reason });
        }
      }
    });
    await Promise.all(workers);
  });
  const text = report(chosen, skipped, kinds, runs, differences, { isWhole, showsAll: values.all });
  if (values.out !== undefined) await writeFile(values.out, text);
  process.stdout.write(text);
  if (differences.some(({ reason }) => reason === undefined)) process.exitCode = 1;
}

async function installed(
  all: readonly SweepCommand[],
): Promise<{ chosen: SweepCommand[]; skipped: Map<string, number> }> {
  const programs = [...new Set(all.flatMap(({ needs }) => needs))];
  const { stdout } = await shell(
    'for p; do PATH=$PATH:/usr/sbin command -v "$p" > /dev/null || echo "$p"; done',
    ...programs,
  );
  const missing = new Set(stdout.split('\n'));
  const skipped = new Map<string, number>();
  const chosen = all.filter(({ needs }) => {
    const lacking = needs.find((program) => missing.has(program));
    if (lacking !== undefined) skipped.set(lacking, (skipped.get(lacking) ?? 0) + 1);
    return lacking === undefined;
  });
  return { chosen, skipped };
}

/** Server, mount and local trees, for as long as `work` takes. */
async function onGround(cli: string, count: number, work: (ground: Ground) => Promise<void>): Promise<void> {
  // Digits: a random word would be found by the commands that look for one.
  const base = join(await realpath(tmpdir()), `d7y-sweep-${randomInt(1e9)}`);
  await mkdir(base, { mode: 0o700 });
  const [tree, tools, local, original, mountpoint] = ['tree', 'tools', 'local', 'original', 'mnt'].map(
    (name) => join(base, name),
  ) as [string, string, string, string, string];
  for (const directory of [tree, local, original, mountpoint]) await mkdir(directory);
  const undo: (() => Promise<unknown>)[] = [() => rm(base, { recursive: true, force: true })];
  try {
    await makeSweepTree(tree, tools);
    for (const place of [local, original]) {
      await checked('mount', '--bind', tree, place);
      undo.unshift(() => run('umount', ['-l', place]));
      await checked('mount', '-o', 'remount,bind,ro', place);
    }
    const namesOf = (kind: DirectoryKind): string[] =>
      Array.from({ length: count }, (_, index) => nameOf(kind, index));
    const onWeb = KINDS.filter((kind) => kind !== 'bucket').flatMap(namesOf);
    const server = await startSweepServer(join(base, 'server'), tree, onWeb);
    undo.unshift(() => server.stop());
    const bucket = await startSweepBucket(join(base, 'config.yaml'), tree, namesOf('bucket'));
    undo.unshift(() => bucket.stop());
    const own = ['--cache-dir', join(base, 'cache'), '--log-file', join(base, 'log')];
    await checked(process.execPath, cli, mountpoint, '--config', bucket.configFile, ...own);
    undo.unshift(() => run(process.execPath, [cli, 'unmount', mountpoint]));
    const mountOf = (kind: DirectoryKind, index: number): string =>
      kind === 'bucket'
        ? join(mountpoint, bucket.directory(nameOf(kind, index)))
        : join(mountpoint, 'http', server.host, nameOf(kind, index));
    await work({ base, mountOf, local, original, tools });
  } finally {
    for (const step of undo) await step();
  }
}

async function checked(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

function nameOf(kind: DirectoryKind, index: number): string {
  return kind === 'known' ? `listed-known-${index}` : `${kind}-${index}`;
}

function placesOf({ original, tools }: Ground, directory: string, work: string): Places {
  return { directory, original, tools, work };
}

function isSame(a: Outcome, b: Outcome): boolean {
  return a.code === b.code && a.stdout === b.stdout && a.stderr === b.stderr;
}

function report(
  chosen: readonly SweepCommand[],
  skipped: ReadonlyMap<string, number>,
  kinds: readonly DirectoryKind[],
  runs: number,
  differences: readonly Difference[],
  { isWhole, showsAll }: { isWhole: boolean; showsAll: boolean },
): string {
  const lines = differences
    .filter(({ reason }) => showsAll || reason === undefined)
    .map(({ command, kind, local, mounted, reason }) =>
      [
        `${kind}: ${command.name}`,
        `    local:   ${shown(local)}`,
        `    mounted: ${shown(mounted)}`,
        ...(reason === undefined ? [] : [`    ${reason}`]),
      ].join('\n'),
    );
  const counted = kinds.map((kind) => {
    const here = differences.filter((difference) => difference.kind === kind);
    return `${kind}: ${here.length} (${here.filter(({ reason }) => reason !== undefined).length} expected)`;
  });
  const skips = [...skipped].map(([program, count]) => `${program} (${count})`);
  return [
    ...lines,
    `${chosen.length} commands, ${runs} runs on the mount; not installed: ${skips.join(', ') || 'nothing'}`,
    `differences by kind of directory: ${counted.join('; ')}`,
    ...(isWhole ? unseen(differences) : []),
    '',
  ].join('\n');
}

/** What is expected and was not seen: it was mended, or the table is wrong. */
function unseen(differences: readonly Difference[]): string[] {
  const seen = new Set(differences.map(({ reason }) => reason));
  return EXPECTED.filter(({ reason }) => !seen.has(reason)).map(
    ({ reason }) => `expected, but not seen: ${reason}`,
  );
}

function shown({ code, stdout, stderr }: Outcome): string {
  const cut = (text: string): string => JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
  return `${code} ${cut(stdout)} ${cut(stderr)}`;
}

await main();
