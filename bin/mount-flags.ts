import { Command } from 'commander';

import { addMountOptions, givenOptions } from './config/command-options.js';
import type { GivenOptions } from './config/options.js';

/**
 * Flags of mount(8) and fstab that mean nothing here. A mount is read-only, `nosuid` and `nodev` whatever they say, and the
 * kernel keeps no access times for it.
 */
const IGNORED =
  /^(?:defaults|(?:no)?suid|(?:no)?dev|a?sync|dirsync|silent|loud|(?:no)?(?:atime|diratime|relatime|strictatime|lazytime|mand|iversion|auto|users?|owner|group)|_netdev|nofail|(?:[xX]-|comment=|user=|u?helper=).*)$/;

/** The flags of `-o`. */
export interface MountFlags {
  /** The same as long options: `a,b=c` is `--a --b=c`. */
  readonly args: readonly string[];
  /** Change a mount that stands. */
  readonly remount: boolean;
  /** The mount is read-only nevertheless. */
  readonly rw: boolean;
}

export function parseMountFlags(given: readonly string[]): MountFlags {
  let [remount, rw, noexec] = [false, false, false];
  const args: string[] = [];
  for (const flag of given.flatMap((text) => text.split(','))) {
    if (flag === 'remount') remount = true;
    else if (flag === 'ro' || flag === 'rw') rw = flag === 'rw';
    // The last one counts: for an ordinary user's line of fstab mount(8) puts `noexec` first.
    else if (flag === 'exec' || flag === 'noexec') noexec = flag === 'noexec';
    else if (flag !== '' && !IGNORED.test(flag)) args.push(toLongOption(flag));
  }
  if (noexec) args.push('--no-exec');
  return { args, remount, rw };
}

/** The given options, with what the flags say besides. Repeatable ones add up; of others the flag counts. */
export function withMountFlags(
  given: GivenOptions,
  args: readonly string[],
  onUsageError: () => never,
): GivenOptions {
  const command = addMountOptions(new Command('d7y-mount -o')).exitOverride(onUsageError);
  command.parse([...args], { from: 'user' });
  const merged: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(givenOptions(command))) {
    const before = merged[name];
    merged[name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
  }
  return merged;
}

function toLongOption(flag: string): string {
  return `--${flag.replace(/^[^=]*/, (name) => name.replaceAll('_', '-'))}`;
}
