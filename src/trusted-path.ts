/**
 * Paths that only root and one user can redirect: walked from `/` by names, symbolic links included, each directory checked before a
 * lookup in it. It must belong to root or the user, and be writable by no other (the user's private group counts as the user), or be
 * sticky as /tmp is. So the real path that comes out leads to the same file later on.
 */
import fs, { type Stats } from 'node:fs';
import { lstat, mkdir, readlink, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';

import { codeOf } from './error-code.js';
import { isPrivateGroup } from './private-group.js';

const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_GROUP = 0o020;
const STICKY = 0o1000;
/** As in Linux (path_resolution(7)). */
const MAX_LINKS = 40;

/** Another user can write to the file or directory, or replace it. The message says what to do. */
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

/** A system call of the walk. Asynchronous where the path may lead into the mount that this process serves. */
interface Call<Result> {
  readonly async: () => Promise<Result>;
  readonly sync: () => Result;
}

/** Is resumed with the result of each call. */
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
  const pending = namesOf(isAbsolute(path) ? path : join(process.cwd(), path));
  let here = '/';
  let stats = yield* look(here);
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '..') {
      stats = yield* look(`${here}/..`);
      here = join(here, '..');
      continue;
    }
    if (stats.isDirectory()) checkWay(here, stats, uid);
    const entry = join(here, name);
    const found = yield* missing === 'make' ? lookOrMake(entry) : look(entry);
    if (!found.isSymbolicLink()) {
      [here, stats] = [entry, found];
      continue;
    }
    if (isShared(stats)) checkOwner(entry, found.uid, uid);
    links += 1;
    if (links > MAX_LINKS) throw new UntrustedPathError(`${path} has too many symbolic links`);
    const target = yield* call({ async: () => readlink(entry), sync: () => fs.readlinkSync(entry) });
    pending.push(...namesOf(target));
    if (isAbsolute(target)) [here, stats] = ['/', yield* look('/')];
  }
  return { path: here, stats };
}

/** Throws unless the file or directory belongs to root or the user, and no other user can write to it. */
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
    `${path} is not trusted: it belongs to user ${owner}, not to ${allowed}; chown it, or use another path`,
  );
}

/** The last one first. */
function namesOf(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .toReversed();
}

/** lstat(2) mounts nothing (automount(8)); the use of a directory does. */
function* mountAutomatically(path: string): Walk<void> {
  try {
    yield* call<unknown>({ async: () => stat(`${path}/.`), sync: () => fs.statSync(`${path}/.`) });
  } catch {
    // The walk fails too, and says where.
  }
}

function look(path: string): Walk<Stats> {
  return call({ async: () => lstat(path), sync: () => fs.lstatSync(path) });
}

function* lookOrMake(path: string): Walk<Stats> {
  try {
    return yield* look(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  try {
    yield* call<unknown>({ async: () => mkdir(path, 0o700), sync: () => fs.mkdirSync(path, 0o700) });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return yield* look(path);
}

function* call<Result>(given: Call<Result>): Walk<Result> {
  return (yield given) as Result;
}
