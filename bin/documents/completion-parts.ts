/** What the completions of shells share. They are static files, and start no Node at a key press. */
import type { CommandFacts, OptionFacts } from './command-facts.js';

export const MADE = 'Made of the command line by `npm run docs`.';
/** The mountpoints that stand. */
export const MOUNTPOINTS = String.raw`sed -n 's/^[^ ]* \([^ ]*\) fuse\.d7y .*/\1/p' /proc/self/mounts`;

export function namesOf({ short, long }: OptionFacts): string[] {
  return [short, long].filter((name) => name !== undefined);
}

/** `check`, of `config check`. */
export function lastName({ name }: CommandFacts): string {
  return name.split(' ').at(-1) ?? '';
}

/** Those that have commands of their own. */
export function groupsOf(root: CommandFacts): CommandFacts[] {
  return root.commands.filter(({ commands }) => commands.length > 0);
}

/** For a shell. */
export function quoted(text: string, mark = "'"): string {
  if (mark === '"') return `"${text.replaceAll(/["\\$]/g, String.raw`\$&`)}"`;
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
