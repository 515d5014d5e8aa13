/**
 * Paths that nobody but root and one user can lead elsewhere.
 *
 * A path is walked from `/`, one name at a time, each opened inside the descriptor of the directory before it,
 * symbolic links included. Each of these directories must belong to root or the user, and be writable by
 * nobody else (the private group of the user counts as the user); a sticky one such as /tmp is passed, since in it nobody can replace another's entry. So the real path
 * that comes out leads to the same file later on, as long as root and the user leave it there.
 */
import fs, { type Stats } from 'node:fs';
import { lstat, mkdir, readlink, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

import { isPrivateGroup } from './private-group.js';

const openFile = promisify(fs.open) as (path: string, flags: number) => Promise<number>;
const fstat = promisify(fs.fstat) as (fd: number) => Promise<Stats>;

const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_GROUP = 0o020;
const STICKY = 0o1000;
/** As in Linux (path_resolution(7)). */
const MAX_LINKS = 40;
/** Missing in node:fs. It needs no right to read a directory (open(2)). */
const O_PATH = 0o10000000;

/** Somebody else can write to the file or directory, or replace it. The message says what to do. */
export class UntrustedPathError extends Error {
  override readonly name = 'UntrustedPathError';
  readonly code = 'UNTRUSTED_PATH';
}

export interface TrustedPath {
  /** Without symbolic links. */
  readonly path: string;
  /** Of what it leads to, which is not checked itself: see `checkOwnership`. */
  readonly stats: Stats;
}

interface Opened {
  /** Undefined where the system has no O_PATH: there the path stands for it. */
  readonly fd: number | undefined;
  readonly stats: Stats;
}

/** What the walk asks of the system: the path may lead anywhere, into the mount that this process serves too. */
interface Call<Result> {
  readonly async: () => Promise<Result>;
  readonly sync: () => Result;
}

/** Is resumed with what each call has resulted in. */
type Walk<Result> = Generator<Call<unknown>, Result, unknown>;

/**
 * Rejects with `UntrustedPathError` for a path that others can change, and with the errors of the system. `make`: what is
 * missing becomes a directory of mode 0700.
 */
export async function resolveTrusted(
  path: string,
  uid: number,
  missing: 'fail' | 'make' = 'fail',
): Promise<TrustedPath> {
  const walk = walkPath(path, uid, missing);
  let step = walk.next();
  while (step.done !== true) {
    try {
      step = walk.next(await step.value.async());
    } catch (error) {
      step = walk.throw(error);
    }
  }
  return step.value;
}

/** The same, for a process that may wait. */
export function resolveTrustedSync(path: string, uid: number): TrustedPath {
  const walk = walkPath(path, uid, 'fail');
  let step = walk.next();
  while (step.done !== true) {
    try {
      step = walk.next(step.value.sync());
    } catch (error) {
      step = walk.throw(error);
    }
  }
  return step.value;
}

function* walkPath(path: string, uid: number, missing: 'fail' | 'make'): Walk<TrustedPath> {
  yield* mountAutomatically(path);
  const pending = namesOf(isAbsolute(path) ? path : `${process.cwd()}/${path}`);
  const trail: string[] = [];
  let links = 0;
  let current = yield* open('/', '/');
  const move = (next: Opened): void => {
    close(current);
    current = next;
  };
  try {
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const here = `/${trail.join('/')}`;
      const shown = `/${[...trail, name].join('/')}`;
      const entry = current.fd === undefined ? shown : `/proc/self/fd/${current.fd}/${name}`;
      if (name === '..') {
        trail.pop();
        move(yield* open(entry, shown));
        continue;
      }
      if (current.stats.isDirectory()) checkWay(here, current.stats, uid);
      const next = yield* missing === 'make' ? openOrMake(entry, shown) : open(entry, shown);
      if (!next.stats.isSymbolicLink()) {
        trail.push(name);
        move(next);
        continue;
      }
      close(next);
      if (isShared(current.stats)) checkOwner(shown, next.stats.uid, uid);
      links += 1;
      if (links > MAX_LINKS) throw new UntrustedPathError(`${path} has too many symbolic links`);
      const target = yield* call({ async: () => readlink(entry), sync: () => fs.readlinkSync(entry) });
      pending.push(...namesOf(target));
      if (!isAbsolute(target)) continue;
      trail.length = 0;
      move(yield* open('/', '/'));
    }
    return { path: `/${trail.join('/')}`, stats: current.stats };
  } finally {
    close(current);
  }
}

/** Throws unless the file or directory belongs to root or the user, and nobody else can write to it. */
export function checkOwnership(
  path: string,
  { uid: owner, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>,
  uid: number,
): void {
  checkOwner(path, owner, uid);
  const others = mode & WRITABLE_BY_OTHERS;
  if (others === 0) return;
  // Not for root: programs in containers have its group, as other users.
  if (others === WRITABLE_BY_GROUP && owner === uid && uid !== 0 && isPrivateGroup(gid, uid)) return;
  const shown = (mode & 0o7777).toString(8);
  throw new UntrustedPathError(
    `${path} is not trusted: others may write to it (mode ${shown}); chmod go-w it`,
  );
}

function checkWay(path: string, stats: Stats, uid: number): void {
  if (isShared(stats)) checkOwner(path, stats.uid, uid);
  else checkOwnership(path, stats, uid);
}

/** Others have entries of their own in it, and of their own only. */
function isShared({ mode }: Stats): boolean {
  return (mode & STICKY) !== 0 && (mode & WRITABLE_BY_OTHERS) !== 0;
}

function checkOwner(path: string, owner: number, uid: number): void {
  if (owner === 0 || owner === uid) return;
  const allowed = uid === 0 ? 'root' : `root or user ${uid}`;
  throw new UntrustedPathError(
    `${path} is not trusted: it belongs to user ${owner}, not to ${allowed}; chown it`,
  );
}

/** The last one first. */
function namesOf(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .toReversed();
}

/** O_PATH mounts nothing (automount(8)); who goes through a directory does. */
function* mountAutomatically(path: string): Walk<void> {
  try {
    yield* call<unknown>({ async: () => stat(`${path}/.`), sync: () => fs.statSync(`${path}/.`) });
  } catch {
    // The walk tells.
  }
}

function* open(path: string, shown: string): Walk<Opened> {
  try {
    if (process.platform !== 'linux') {
      return {
        fd: undefined,
        stats: yield* call({ async: () => lstat(path), sync: () => fs.lstatSync(path) }),
      };
    }
    const flags = O_PATH | fs.constants.O_NOFOLLOW;
    const fd = yield* call({ async: () => openFile(path, flags), sync: () => fs.openSync(path, flags) });
    try {
      return { fd, stats: yield* call({ async: () => fstat(fd), sync: () => fs.fstatSync(fd) }) };
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  } catch (error) {
    throw named(error, path, shown);
  }
}

function* openOrMake(path: string, shown: string): Walk<Opened> {
  try {
    return yield* open(path, shown);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  try {
    yield* call<unknown>({ async: () => mkdir(path, 0o700), sync: () => fs.mkdirSync(path, 0o700) });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw named(error, path, shown);
  }
  return yield* open(path, shown);
}

function* call<Result>(given: Call<Result>): Walk<Result> {
  return (yield given) as Result;
}

/** Of such a descriptor it tells no file system. */
function close({ fd }: Opened): void {
  if (fd !== undefined) fs.closeSync(fd);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** The path as everybody knows it, not by way of a descriptor. */
function named(error: unknown, path: string, shown: string): unknown {
  if (error instanceof Error) error.message = error.message.replace(path, shown);
  return error;
}
