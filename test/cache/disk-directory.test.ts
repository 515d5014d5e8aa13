import { chmodSync, existsSync, lchownSync, mkdirSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { LAYOUT_DIRECTORY } from '../../src/cache/disk/layout.js';
import { hasNoOther } from '../../src/private-group.js';
import {
  checkOwnership,
  resolveTrusted,
  resolveTrustedSync,
  UntrustedPathError,
} from '../../src/trusted-path.js';
import { asRoot } from '../support/conditional-test.js';
import { temporaryDirectory } from '../support/temp.js';
import { openStore, Sample, storeFor, write } from './disk-store-support.js';

const NOBODY = 65_534;

async function canStore(t: ExecutionContext, directory: string): Promise<boolean> {
  const store = await storeFor(t, directory);
  const sample = new Sample('a', 10);
  const version = await store.open(sample.key, sample.facts);
  return version !== undefined && (await write(version, 0, sample.blocks(0, 1)));
}

async function refusal(t: ExecutionContext, directory: string): Promise<string> {
  const error = await t.throwsAsync(openStore(directory));
  return error?.message ?? '';
}

test('a cache directory that others can write to is not used', async (t) => {
  const directory = join(await temporaryDirectory(t), 'cache');
  for (const mode of [0o777, 0o757, 0o1777]) {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, mode);
    t.regex(
      await refusal(t, directory),
      /cache is not trusted: others may write to it \(mode \d+\); chmod go-w it/,
    );
    t.false(existsSync(join(directory, LAYOUT_DIRECTORY)));
  }
  chmodSync(directory, 0o755);
  t.true(await canStore(t, directory));
});

test('a group that only the user is in may write', (t) => {
  const passwd = 'root:x:0:0::/root:\nann:x:1000:1000::/:\nbob:x:1001:1001::/:\nguest:x:1002:1001::/:\n';
  const group = 'root:x:0:\nann:x:1000:ann\nbob:x:1001:\nshared:x:1003:ann,bob\n';
  t.true(hasNoOther(1000, 1000, passwd, group));
  t.false(hasNoOther(1001, 1001, passwd, group), 'the first group of another user');
  t.false(hasNoOther(1003, 1000, passwd, group), 'has members');
  t.false(hasNoOther(1000, 1001, passwd, group), "another user's");
  t.false(hasNoOther(1000, 1000, passwd, group.replace(':ann', ':ann,bob')));
  t.false(hasNoOther(1000, 1000, passwd, ''));
  const unknown = { uid: 4_000_000, gid: 4_000_000, mode: 0o775 };
  t.throws(() => checkOwnership('/x', unknown, 4_000_000), { instanceOf: UntrustedPathError });
});

// S64
test('a cache directory in a directory that others can write to is not used, unless it is sticky', async (t) => {
  const parent = join(await temporaryDirectory(t), 'parent');
  mkdirSync(parent);
  chmodSync(parent, 0o777);
  t.regex(await refusal(t, join(parent, 'cache')), /parent is not trusted: others may write to it/);
  t.false(existsSync(join(parent, 'cache')));
  chmodSync(parent, 0o1777);
  t.true(await canStore(t, join(parent, 'cache')));
});

test('a way by links is looked at, link by link', async (t) => {
  const outer = await temporaryDirectory(t);
  for (const name of ['own', 'open']) mkdirSync(join(outer, name));
  chmodSync(join(outer, 'open'), 0o777);
  symlinkSync('own', join(outer, 'link'));
  t.true(await canStore(t, join(outer, 'link', '..', 'link', 'cache')));
  t.true(existsSync(join(outer, 'own', 'cache', LAYOUT_DIRECTORY)));
  // It leads to a good place, as long as the link is not changed meanwhile.
  symlinkSync('../own', join(outer, 'open', 'middle'));
  symlinkSync('open/middle', join(outer, 'indirect'));
  t.regex(await refusal(t, join(outer, 'indirect', 'cache2')), /open is not trusted/);
  symlinkSync('endless', join(outer, 'endless'));
  t.regex(await refusal(t, join(outer, 'endless', 'cache')), /too many symbolic links/);
});

asRoot("in a sticky directory, another user's entries are not trusted", async (t) => {
  const outer = await temporaryDirectory(t);
  const [shared, own] = [join(outer, 'shared'), join(outer, 'own')];
  for (const path of [shared, own, join(shared, 'theirs')]) mkdirSync(path);
  chmodSync(shared, 0o1777);
  lchownSync(join(shared, 'theirs'), NOBODY, NOBODY);
  t.regex(
    await refusal(t, join(shared, 'theirs', 'cache')),
    /theirs is not trusted: it belongs to user 65534/,
  );
  symlinkSync(own, join(shared, 'link'));
  lchownSync(join(shared, 'link'), NOBODY, NOBODY);
  t.regex(await refusal(t, join(shared, 'link', 'cache')), /link is not trusted: it belongs to user 65534/);
  lchownSync(shared, NOBODY, NOBODY);
  t.regex(await refusal(t, join(shared, 'cache')), /shared is not trusted/);
});

// S64
test('what root and the user own is trusted, and nothing of another user', (t) => {
  const check = (owner: number, uid: number, mode = 0o755): void =>
    checkOwnership('/x', { uid: owner, gid: owner, mode }, uid);
  for (const owner of [0, 1000]) t.notThrows(() => check(owner, 1000));
  t.throws(() => check(1001, 1000), { message: /user 1001, not to root or user 1000;/ });
  t.throws(() => check(1000, 0), { message: /user 1000, not to root;/ });
  t.throws(() => check(0, 0, 0o100_775), { message: /\(mode 775\)/ });
});

// S64
test('a path is walked as the kernel walks it: `..` and each of its forty links', async (t) => {
  const outer = realpathSync(await temporaryDirectory(t));
  const uid = process.geteuid?.() ?? 0;
  for (const name of ['a/b', 'c', 'open/d']) mkdirSync(join(outer, name), { recursive: true });
  symlinkSync(join(outer, 'a/b'), join(outer, 'absolute'));
  symlinkSync('.', join(outer, 'dot'));
  chmodSync(join(outer, 'open'), 0o777);
  for (const [path, expected] of [
    ['/a/../c', '/c'],
    ['/a/b/..', '/a'],
    ['/absolute', '/a/b'],
    ['/absolute/../../c', '/c'],
    [`${'/dot'.repeat(40)}/c`, '/c'],
  ] as const) {
    for (const found of [
      await resolveTrusted(outer + path, uid),
      resolveTrustedSync(`/..${outer}${path}`, uid),
    ]) {
      t.is(found.path, outer + expected);
      t.is(found.stats.ino, statSync(outer + expected).ino);
    }
  }
  const refused = (path: string, message: RegExp): unknown =>
    t.throws(() => resolveTrustedSync(outer + path, uid), { instanceOf: UntrustedPathError, message });
  refused(`${'/dot'.repeat(41)}/c`, /too many symbolic links/);
  refused('/open/d', /open is not trusted/);
  refused('/open/d/../d', /open is not trusted/);
  refused('/a/../open/d', /open is not trusted/);
});

test('a directory that cannot be made is an error at once, which names it', async (t) => {
  const message = await refusal(t, '/proc/x/y');
  t.regex(message, /ENOENT.*'\/proc\/x'/);
});

// S65
test('what is missing is made for this user alone', async (t) => {
  const outer = await temporaryDirectory(t);
  const uid = process.geteuid?.() ?? 0;
  const { path } = await resolveTrusted(join(outer, 'a/b/./c'), uid, 'make');
  t.is(path, join(outer, 'a', 'b', 'c'));
  for (const made of ['a', 'a/b', 'a/b/c']) t.is(statSync(join(outer, made)).mode & 0o777, 0o700);
  const missing = join(outer, 'a/missing');
  await t.throwsAsync(resolveTrusted(missing, uid), { message: /ENOENT.*a\/missing'/ });
  t.throws(() => resolveTrustedSync(missing, uid), { message: /ENOENT.*a\/missing'/ });
  t.deepEqual(resolveTrustedSync(join(outer, 'a/../a'), uid).path, join(outer, 'a'));
});

test('a link in the place of our directory in it is not followed', async (t) => {
  const outer = await temporaryDirectory(t);
  for (const name of ['cache', 'elsewhere']) mkdirSync(join(outer, name));
  symlinkSync('../elsewhere', join(outer, 'cache', LAYOUT_DIRECTORY));
  t.regex(await refusal(t, join(outer, 'cache')), /is not a directory of user/);
});
