import { readFileSync } from 'node:fs';
import process from 'node:process';

import { Command } from 'commander';

import { safeLines } from '../src/source/index.js';
import { type DaemonMessage, runInBackground } from './daemon.js';
import { createLog } from './log.js';
import { addMountOptions, expandMountFlags, type MountOptions } from './options.js';
import { listPlugins, type PluginCommandOptions } from './plugin-command.js';
import { serve } from './serve.js';
import { unmount } from './unmount.js';

const EXIT_USAGE = 2;

/** Parses, runs, and resolves to the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = addMountOptions(new Command('d7y-mount'))
    .description('Mounts remote resources as files: <mountpoint>/<scheme>/<host>/<path>')
    .usage('[options] <mountpoint>\n       d7y-mount unmount <mountpoint>\n       d7y-mount plugin [options]')
    .version(version())
    .argument('<mountpoint>', 'where to mount; as mount(8) calls it: SOURCE and directory')
    .argument('[directory]')
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE);
    })
    .action(async (first: string, second: string | undefined, options: MountOptions & { o: string[] }) => {
      if (options.o.length > 0) {
        // As long options, behind the others: one parser for both spellings.
        const rest = withoutMountFlags(argv);
        exitCode = await runCli([...rest, ...expandMountFlags(options.o)]);
        return;
      }
      exitCode = await mount(argv, second ?? first, options);
    });
  program
    .command('unmount <mountpoint>')
    .description('end a mount; detach it if it is busy')
    .action(async (path: string) => await unmount(path));
  program
    .command('plugin')
    .description('list the sources of the tree and the plugins, without a mount')
    .option('--json', 'as JSON', false)
    .option('--strict', 'exit with 1 when a plugin cannot be used', false)
    .action(async (_own: object, command: Command) => {
      exitCode = await listPlugins(command.optsWithGlobals<PluginCommandOptions>());
    });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`d7y-mount: ${safeLines(message)}\n`);
    return 1;
  }
}

async function mount(argv: readonly string[], path: string, options: MountOptions): Promise<number> {
  if (!options.foreground) {
    await runInBackground(argv, path, options);
    return 0;
  }
  const log = await createLog(options);
  try {
    return await serve(path, options, log, (ready) => tell({ ready }));
  } catch (error) {
    log.fatal({ err: error }, 'cannot mount');
    tell({ failed: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

function tell(message: DaemonMessage): void {
  if (process.connected) process.send?.(message, () => process.disconnect());
}

function withoutMountFlags(argv: readonly string[]): string[] {
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const arg = argv[i] ?? '';
    if (arg === '-o') i += 1;
    else if (!/^-o./.test(arg)) rest.push(arg);
  }
  return rest;
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
