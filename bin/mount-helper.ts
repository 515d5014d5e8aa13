import { basename } from 'node:path';

/** mount(8) runs `/sbin/mount.TYPE`, which may be a link to the program, for file systems of that type. */
export function isMountHelper(program: string): boolean {
  return basename(program).startsWith('mount.');
}

/**
 * What mount(8) passes to a helper, `SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]`, as arguments of the program.
 * Undefined: nothing is to be mounted (`-f`, there for `mount --fake`).
 */
export function fromMountHelper(argv: readonly string[]): string[] | undefined {
  const args: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? '';
    if (argument === '-N' || argument === '-t') i += 1;
    else if (!/^-[sfnv]+$/.test(argument)) args.push(argument);
    else if (argument.includes('f')) return undefined;
  }
  return args;
}
