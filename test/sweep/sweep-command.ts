/**
 * One command of the sweep: a bash script, run once on each kind of directory.
 *
 * The script's variables: `D`, the directory in question (of the mount, or the local one); `O`, the original tree,
 * always local; `T`, what was prepared for all commands (Java classes). It runs in an empty, writable directory.
 */
export interface SweepCommand {
  /** Tells it from all others. */
  readonly name: string;
  readonly script: string;
  /** Programs without which it is skipped, beside bash and coreutils. */
  readonly needs: readonly string[];
  /** It enumerates a directory: meaningful only where the server sends listings. */
  readonly lists: boolean;
}

/** The names in a directory that most commands are tried on. */
export const NAMES = ['file.txt', 'plain', 'dir', 'missing.txt', 'missing'] as const;

/** Commands that need the programs; a script is its own name. */
export function commands(needs: string, scripts: readonly string[]): SweepCommand[] {
  return scripts.map((script) => ({ name: script, script, needs: wordsOf(needs), lists: false }));
}

/** The same, for scripts that enumerate a directory. */
export function listingCommands(needs: string, scripts: readonly string[]): SweepCommand[] {
  return commands(needs, scripts).map((command) => ({ ...command, lists: true }));
}

/** Each script on each name: `NAME` stands for it. */
export function commandsOnNames(needs: string, scripts: readonly string[]): SweepCommand[] {
  return commands(
    needs,
    scripts.flatMap((script) => NAMES.map((name) => script.replaceAll('NAME', name))),
  );
}

/** Commands whose script is a wrapper around code of another language. */
export function programs(
  needs: string,
  language: string,
  codes: readonly string[],
  scriptOf: (code: string) => string,
): SweepCommand[] {
  return codes.map((code) => ({
    name: `${language}: ${code}`,
    script: scriptOf(code),
    needs: wordsOf(needs),
    lists: false,
  }));
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function wordsOf(needs: string): string[] {
  return needs.split(' ').filter((word) => word !== '');
}
