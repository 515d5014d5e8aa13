import type { Outcome } from './run-command.js';
import type { DirectoryKind } from './sweep-server.js';

/** Differences that are meant to be, or that only the kernel could mend. docs/SEMANTICS.md says each of them. */
export interface Expected {
  readonly reason: string;
  readonly kinds?: readonly DirectoryKind[];
  readonly command?: RegExp;
  /** What the mount shows: output, then errors. */
  readonly mounted?: RegExp;
}

/** Where names are used that nothing listed. */
const UNTOLD: readonly DirectoryKind[] = ['listed', 'unlisted', 'forbidden'];
const NOT_LISTED: readonly DirectoryKind[] = ['unlisted', 'forbidden'];

const KERNEL = 'a name that nothing listed is a directory to system calls that end in the kernel';

export const EXPECTED: readonly Expected[] = [
  {
    reason: 'a directory has the size 0, a link count of 1, and no time of its own',
    command: /^(stat -c "?%[^"]*"?|test -s|ls -l --time-style=\+%s) "\$D\/dir"$/,
    mounted: /^(\n|(directory 555 )?[01]\n|total \d\n)/,
  },
  {
    reason: 'resources have extended attributes',
    command: /^getfattr .* -d "\$D\/(plain|dir)"$/,
    mounted: /user\.d7y\.url/,
  },
  {
    reason: 'the mount is a file system of its own',
    command: /copy_file_range/,
    mounted: /EXDEV/,
  },
  // Creating.
  {
    reason: `${KERNEL}: open for writing or with O_CREAT is EISDIR`,
    kinds: UNTOLD,
    command: /plain|missing|part|open\(/,
    mounted: /Is a directory|EISDIR/,
  },
  {
    reason: `${KERNEL}: to create it is EEXIST`,
    kinds: UNTOLD,
    mounted: /File exists|EEXIST|already exists|cannot overwrite existing file/,
  },
  {
    reason: `${KERNEL}: a file that is copied or moved to it would lie in it`,
    kinds: UNTOLD,
    command: /\bmv |shutil\.copy/,
    mounted: /DIR\/(missing|plain|other)\/(here|plain)|^FileNotFoundError None/,
  },
  {
    reason: `${KERNEL}: its times can be tried to set`,
    kinds: UNTOLD,
    command: /\btouch |utime/,
    mounted: /setting times of .*: Read-only|EROFS/,
  },
  {
    reason: `${KERNEL}: what is created below it is EROFS, not ENOENT`,
    kinds: UNTOLD,
    command: /O_TMPFILE|dir=p\("missing"\)|mktemp -p "\$D\/missing"/,
    mounted: /EROFS|Read-only/,
  },
  {
    reason: `${KERNEL}, so that flock(1) opens it to read, and finds that it is missing`,
    kinds: UNTOLD,
    command: /^flock -n "\$D\/missing"/,
    mounted: /No such file or directory/,
  },
  // Looking.
  {
    reason: `${KERNEL}: readlink is EINVAL, so that a missing name seems to exist`,
    kinds: UNTOLD,
    command:
      /^(realpath|readlink) -e "\$D\/missing|os\.readlink\(p\("missing|realpathSync\.native\(p\("missing/,
    mounted: /^DIR\/missing|EINVAL|^true$/m,
  },
  {
    reason: `${KERNEL}: execve is EACCES`,
    kinds: UNTOLD,
    command: /^(env )?"\$D\/(missing|dir)|subprocess\.run\(\[p\("missing"\)\]/,
    mounted: /Permission denied|EACCES/,
  },
  {
    reason: `${KERNEL}: open with O_PATH finds it, and fstat of a file is ESTALE`,
    kinds: UNTOLD,
    command: /O_PATH/,
    mounted: /^\n|ESTALE/,
  },
  {
    reason: `${KERNEL}: mount takes it for one`,
    kinds: UNTOLD,
    command: /mount --bind|mount -t tmpfs none "\$D\/missing"|--ro-bind(-try)? "\$D\/(missing|plain)/,
    mounted: /not a directory|No such file|Not a directory|Can't|^\n$/,
  },
  {
    reason: `${KERNEL}: overlayfs remembers it as one`,
    kinds: UNTOLD,
    command: /mount -t overlay .*at\/plain/,
    mounted: /at\/plain: Stale file handle/,
  },
  {
    reason: 'a page may have pages below it: what is missing below a file is ENOENT, not ENOTDIR',
    kinds: UNTOLD,
    command: /"\$D\/(plain|file\.txt)\/(below|missing)"$|tar .* -C "\$D\/plain" x/,
    mounted: /No such file or directory/,
  },
  // What cannot be listed.
  {
    reason: 'a directory that cannot be listed is empty: make and Python look in the listing',
    kinds: NOT_LISTED,
    command: /\bmake -s|import hello/,
    mounted:
      /No targets specified and no makefile found|No rule to make target 'plain'|No module named 'hello'/,
  },
  {
    reason: 'a directory that cannot be listed is empty: nothing of it is removed or moved',
    kinds: NOT_LISTED,
    command: /^(rm -rf|mv) "\$D\/dir"/,
    mounted: /cannot remove 'DIR\/dir': Read-only/,
  },
  {
    reason: 'where the server answers 404 for it, a folder is missing until something below it is used',
    kinds: ['unlisted'],
    command: /dir\b|repository\.git|^tar df/,
    mounted: /No such file|ENOENT|cannot open|not a git repository|^$|^\n$|[Ff]alse|dir: |NoSuchFile/,
  },
];

/** The first that fits. */
export function expectedOf(command: string, kind: DirectoryKind, outcome: Outcome): Expected | undefined {
  const shown = `${outcome.stdout}\n${outcome.stderr}`;
  return EXPECTED.find(
    (expected) =>
      (expected.kinds?.includes(kind) ?? true) &&
      (expected.command?.test(command) ?? true) &&
      (expected.mounted?.test(shown) ?? true),
  );
}
