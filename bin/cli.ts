/** The command line. Each command loads its modules when it runs: a start loads none that it does not use. */
import { existsSync } from 'node:fs';
import process from 'node:process';

import { Command } from 'commander';

import { messageOf } from '../src/error-code.js';
import { nearestName } from '../src/source/nearest-name.js';
import { safeLines } from '../src/source/safe-text.js';
import { CommandFailure, EXIT } from './command-failure.js';
import { addControlCommands } from './control-commands.js';
import { addMountOptions, givenOptions } from './config/command-options.js';
import { ConfigurationError } from './config/configuration-error.js';
import { environmentOptions } from './config/environment.js';
import type { GivenMount } from './config/options.js';
import type { DoctorOptions } from './doctor/doctor-command.js';
import { parseMountFlags, withMountFlags } from './mount-flags.js';
import { version } from './version.js';

const USAGE = [
  '[options] <mountpoint>',
  'd7y-mount unmount <mountpoint>',
  'd7y-mount list|status|stats|reload|restart [options] [mountpoint]',
  'd7y-mount log-level <level> [mountpoint]',
  'd7y-mount warm [options] [path...]',
  'd7y-mount pin [options] [path...]',
  'd7y-mount unpin|evict|forget [options] <path...>',
  'd7y-mount doctor [options] [url|mountpoint...]',
  'd7y-mount plugin [options]',
  'd7y-mount config check|show|path',
  'd7y-mount path <url>',
  'd7y-mount url <path>',
].join('\n       ');
/** What the mount table shows as the source of a mount that is given none. */
const DEFAULT_SOURCE = 'd7y-mount';

/** Parses, runs, and resolves to the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = commandLine((code) => {
    exitCode = code;
  });
  // There, -f and others are options of its own.
  if (argv.includes('warm')) program.enablePositionalOptions();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    say(messageOf(error));
    if (error instanceof CommandFailure) return error.exitCode;
    return error instanceof ConfigurationError ? EXIT.usage : 1;
  }
}

/** All commands. The man page and the completions of shells are made of it, too. */
export function commandLine(setExitCode: (code: number) => void): Command {
  const program = addMountOptions(new Command('d7y-mount'))
    .description('Mounts remote resources as files: <mountpoint>/<scheme>/<host>/<path>')
    .usage(USAGE)
    .version(version())
    .helpCommand(true)
    .argument('<mountpoint>', 'where to mount; as mount(8) calls it: SOURCE and directory')
    .argument('[directory]')
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
    })
    .action(async (first: string, second: string | undefined, { o }: { readonly o: string[] }) => {
      // What comes with -o comes from mount(8), whose SOURCE may be any word.
      if (second === undefined || (o.length === 0 && first !== DEFAULT_SOURCE)) {
        refuseMistypedCommand(program, first, second);
      }
      const mount = {
        path: second ?? first,
        source: second === undefined ? DEFAULT_SOURCE : first,
        options: givenOptions(program),
      };
      setExitCode(await mountWithFlags(mount, o));
    });
  addCommands(program, setExitCode);
  return program;
}

function addCommands(program: Command, setExitCode: (code: number) => void): void {
  program
    .command('unmount <mountpoint>')
    .description('end a mount; detach it if it is busy, and say who uses it')
    .option('-l, --lazy', 'detach it at once, and wait for nothing', false)
    .action(async (path: string, own: { readonly lazy: boolean }) => {
      const { unmount } = await import('./unmount.js');
      await unmount(path, own);
    });
  addControlCommands(program, setExitCode);
  program
    .command('doctor [target...]')
    .description(
      'find out what is wrong: here, with mounts, and with URLs; without any, with all mounts and configured hosts',
    )
    .option('--json', 'as JSON', false)
    .option('-v, --verbose', 'show what is right, too', false)
    .option('--bundle <file>', 'write all that helps to find a fault, without secrets, to a new .tar.gz')
    .action(async (targets: string[], own: DoctorOptions) => {
      const { examine } = await import('./doctor/doctor-command.js');
      setExitCode(await examine(targets, own, givenOptions(program)));
    });
  program
    .command('plugin')
    .description('list the built-in sources and the plugins, without a mount')
    .option('--json', 'as JSON', false)
    .option('--strict', 'exit with 1 when a plugin cannot be used', false)
    .action(async (own: { readonly json: boolean; readonly strict: boolean }) => {
      const { listPlugins } = await import('./plugin-command.js');
      setExitCode(await listPlugins(own, givenOptions(program)));
    });
  const config = program.command('config').description('check and show the configuration, without a mount');
  config
    .command('check [file]')
    .description('report faults of the configuration files, or of one file')
    .option('--json', 'as JSON', false)
    .action(async (file: string | undefined, own: { readonly json: boolean }) => {
      const { checkConfiguration } = await import('./config-command.js');
      setExitCode(await checkConfiguration(givenOptions(program), file, own));
    });
  config
    .command('show [url]')
    .description(
      'print the effective values, or the settings of a URL and the rules that they come from; secrets as ***',
    )
    .option('--origin', 'say where each comes from', false)
    .option('--json', 'as JSON, with the places', false)
    .action(async (url: string | undefined, own: { readonly json: boolean; readonly origin: boolean }) => {
      const { showConfiguration, showSettings } = await import('./config-command.js');
      if (url === undefined) await showConfiguration(givenOptions(program), own);
      else await showSettings(givenOptions(program), url, own);
    });
  config
    .command('path')
    .description('print which files are looked for')
    .option('--json', 'as JSON', false)
    .action(async (own: { readonly json: boolean }) => {
      const { listConfigFiles } = await import('./config-command.js');
      await listConfigFiles(givenOptions(program), own);
    });
  program
    .command('path <url> [mountpoint]')
    .description('print the path that shows a URL')
    .action(async (url: string, mountpoint: string | undefined) => {
      const { printPath } = await import('./url-path.js');
      await printPath(url, mountpoint, givenOptions(program));
    });
  program
    .command('url <path>')
    .description('print the URL that a path shows')
    .action(async (path: string) => {
      const { printUrl } = await import('./url-path.js');
      await printUrl(path, givenOptions(program));
    });
}

/** A word that is no command is a mountpoint, or a SOURCE: not where it is more likely to be a mistake. */
function refuseMistypedCommand(program: Command, word: string, directory: string | undefined): void {
  if (word.includes('/')) return;
  const names = program.commands.map((command) => command.name());
  const nearest = nearestName(names, word);
  const isMistake = directory === undefined ? !existsSync(word) : nearest !== undefined;
  if (!isMistake) return;
  const place = directory === undefined ? ` or a directory; to mount at a new one, write ./${word}` : '';
  const hint = nearest === undefined ? '' : `. Did you mean ${nearest}?`;
  throw new CommandFailure(EXIT.usage, `"${word}" is not a command${place}${hint}`);
}

/** Mounts with the flags of `-o` besides. */
async function mountWithFlags(given: GivenMount, flagTexts: readonly string[]): Promise<number> {
  const flags = parseMountFlags(flagTexts);
  const options = withMountFlags(given.options, flags.args, () => process.exit(EXIT.usage));
  if (flags.remount) {
    const { remount } = await import('./remount.js');
    await remount(given.path, options);
    say(`${given.path} stays as it is: unmount it and mount it again to change its options`);
    return 0;
  }
  // As mount(8) prints for every file system that is mounted read-only without `ro` in its options.
  if (flags.rw) say(`${given.path}: mounted read-only`);
  return await mount({ ...given, options });
}

async function mount(given: GivenMount): Promise<number> {
  const { foreground } = { ...environmentOptions(process.env).options, ...given.options };
  if (foreground !== true) {
    const { runInBackground } = await import('./daemon.js');
    await runInBackground(given);
    return 0;
  }
  const { serveWithLog } = await import('./serve-with-log.js');
  return await serveWithLog(given);
}

function say(message: string): void {
  process.stderr.write(`d7y-mount: ${safeLines(message)}\n`);
}
