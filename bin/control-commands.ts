/** The command line of the commands about mounts that stand. */
import { type Command, InvalidArgumentError, Option } from 'commander';

import type { ContentOptions } from './content-command.js';
import type { PinCommandOptions } from './pin-command.js';
import type { WarmCommandOptions } from './warm-command.js';
import { givenOptions } from './config/command-options.js';
import type { AccessKey } from './access-totals.js';
import { parseCount, parseDuration } from '../src/quantity.js';

const JSON_OPTION = ['--json', 'as JSON', false] as const;
const MOUNTPOINT_OPTION = [
  '--mountpoint <path>',
  'the mount that URLs are of, where there are several',
] as const;

/** Those about mounts that stand. Without a mountpoint they are about the only mount there is. */
export function addControlCommands(program: Command, setExitCode: (code: number) => void): void {
  const load = () => import('./control-command.js');
  program
    .command('list')
    .description('list the mounts, and the states that they are in')
    .option(...JSON_OPTION)
    .action(async (own: { readonly json: boolean }) => {
      setExitCode(await (await load()).listMounts(own));
    });
  program
    .command('status [mountpoint]')
    .description('show the state of a mount, its caches and its sources')
    .option(...JSON_OPTION)
    .option('--live', 'print nothing; exit with 0 if its process answers', false)
    .option('--ready', 'print nothing; exit with 0 if it is mounted, too', false)
    .action(async (path: string | undefined, own: StatusOptions) => {
      setExitCode(await (await load()).showStatus(path, own));
    });
  program
    .command('stats [mountpoint]')
    .description('show what a mount has done')
    .option(...JSON_OPTION)
    .option(
      '-i, --interval <duration>',
      'a line for each interval',
      parsed(parseDuration, 'a duration such as 1s'),
    )
    .option(
      '-n, --count <count>',
      'end after so many intervals',
      parsed(parseCount, 'a whole number'),
      Infinity,
    )
    .addOption(
      new Option('--by <key>', 'who or what causes the load, in each interval').choices([
        'pid',
        'uid',
        'path',
      ]),
    )
    .action(async (path: string | undefined, { interval, by, ...own }: StatsOptions) => {
      if (by !== undefined) {
        const { showAccess } = await import('./access-command.js');
        setExitCode(await showAccess(path, { interval, by, ...own }));
        return;
      }
      setExitCode(await (await load()).showStats(path, { interval, ...own }));
    });
  program
    .command('reload [mountpoint]')
    .description('let a mount read its configuration anew')
    .option(...JSON_OPTION)
    .action(async (path: string | undefined, own: { readonly json: boolean }) => {
      setExitCode(await (await load()).reloadMount(path, own));
    });
  program
    .command('restart [mountpoint]')
    .description('let the installed program go on with a mount, which stays')
    .option(...JSON_OPTION)
    .action(async (path: string | undefined, own: { readonly json: boolean }) => {
      const { restartCommand } = await import('./restart-command.js');
      setExitCode(await restartCommand(path, own));
    });
  program
    .command('log-level <level> [mountpoint]')
    .description('set the least severity that is logged, until the next reload')
    .option(...JSON_OPTION)
    .action(async (level: string, path: string | undefined, own: { readonly json: boolean }) => {
      setExitCode(await (await load()).setLogLevel(level, path, own));
    });
  addWarmCommand(program, setExitCode);
  addPinCommands(program, setExitCode);
  addContentCommand(
    program,
    'evict',
    'remove content from the caches: of files, or all below directories',
    setExitCode,
  );
  addContentCommand(program, 'forget', 'query the source at the next use, and keep content', setExitCode);
}

function addWarmCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command('warm [path...]')
    .description('bring content into the disk cache; paths on a mount, or URLs')
    .option(...JSON_OPTION)
    .option('-f, --file <file>', 'a list of paths and URLs, one a line; -: standard input')
    .option('-j, --jobs <count>', 'files at once', parsed(parseCount, 'a whole number'))
    .option('-r, --recursive', 'directories with all that is below them', false)
    .option('--check', 'fetch nothing; show how much is there, and exit with 1 if some is missing', false)
    .option('--pin', 'and keep it there, as pin does', false)
    .option('--background', 'let the mount go on by itself; status shows the job', false)
    .option('--stop <job>', 'end a job of the mount', parsed(parseCount, 'the number of a job'))
    .option(...MOUNTPOINT_OPTION)
    .action(async (paths: string[], own: WarmCommandOptions) => {
      const { warm } = await import('./warm-command.js');
      setExitCode(await warm(paths, own, givenOptions(program)));
    });
}

function addPinCommands(program: Command, setExitCode: (code: number) => void): void {
  const load = () => import('./pin-command.js');
  program
    .command('pin [path...]')
    .description('keep content of paths or URLs on disk, whatever else needs room; without one, list pins')
    .option(...JSON_OPTION)
    .option('-r, --recursive', 'all that is below a directory', false)
    .option(...MOUNTPOINT_OPTION)
    .action(async (paths: string[], own: PinCommandOptions) => {
      setExitCode(await (await load()).pin(paths, own, givenOptions(program)));
    });
  program
    .command('unpin <path...>')
    .description('remove pins of paths or URLs')
    .option(...JSON_OPTION)
    .option('-r, --recursive', 'those of all that is below, too', false)
    .option(...MOUNTPOINT_OPTION)
    .action(async (paths: string[], own: PinCommandOptions) => {
      setExitCode(await (await load()).unpin(paths, own, givenOptions(program)));
    });
}

function addContentCommand(
  program: Command,
  name: 'evict' | 'forget',
  description: string,
  setExitCode: (code: number) => void,
): void {
  const command = program
    .command(`${name} <path...>`)
    .description(`${description}; paths on a mount, or URLs`)
    .option(...JSON_OPTION);
  if (name === 'evict') command.option('--force', 'what is pinned, too', false);
  command.option(...MOUNTPOINT_OPTION).action(async (paths: string[], own: ContentOptions) => {
    const { changeContent } = await import('./content-command.js');
    setExitCode(await changeContent(name, paths, own, givenOptions(program)));
  });
}

interface StatusOptions {
  readonly json: boolean;
  readonly live: boolean;
  readonly ready: boolean;
}

interface StatsOptions {
  readonly json: boolean;
  readonly interval?: number;
  readonly by?: AccessKey;
  readonly count: number;
}

function parsed(parse: (text: string) => number | undefined, expected: string): (text: string) => number {
  return (text) => {
    const value = parse(text);
    if (value === undefined || value === 0)
      throw new InvalidArgumentError(`expected ${expected}, got '${text}'`);
    return value;
  };
}
