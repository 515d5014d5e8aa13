/** Content is brought to disk before it is read: over a real nginx, whose log is counted. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { DEFAULT_CACHE_OPTIONS } from '../../src/cache/cache-options.js';
import { startFaultServer } from '../support/fault-server.js';
import { type Nginx, startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { eachOf, warmed } from '../support/warmed.js';
import { storeFor } from '../cache/disk-store-support.js';

const MIB = 1024 * 1024;
const { blockBytes } = DEFAULT_CACHE_OPTIONS;

async function served(t: ExecutionContext, sizes: Readonly<Record<string, number>>): Promise<Nginx> {
  const root = await temporaryDirectory(t);
  for (const [path, bytes] of Object.entries(sizes)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), Buffer.alloc(bytes, path));
  }
  return await startNginx(t, { root });
}

/** Of bodies, without listings. */
async function sentBytes(nginx: Nginx, except = /\/$/): Promise<number> {
  const entries = (await nginx.accessLog()).filter(({ uri }) => !except.test(uri));
  return entries.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
}

// S159
test('a tree is brought to disk once, and then read without its source', async (t) => {
  const sizes = {
    'd/a.bin': 5 * MIB + 7,
    'd/b.txt': 10,
    'd/e/c.bin': 300_000,
    'd/e/empty': 0,
    'other.bin': 9,
  };
  const nginx = await served(t, sizes);
  const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes });
  const { cache, warm } = warmed(t, disk);
  const total = 5 * MIB + 7 + 10 + 300_000;
  const { report } = await warm([`${nginx.origin}/d`], { isRecursive: true });
  t.like(report, {
    state: 'done',
    files: 4,
    totalFiles: 4,
    failed: 0,
    doneBytes: total,
    fetchedBytes: total,
    isListed: true,
  });
  t.is(cache.report.memory.bytes, 0, 'memory is left to what is read');
  const again = await warm([`${nginx.origin}/d`], { isRecursive: true });
  t.like(again.report, { state: 'done', files: 4, doneBytes: total, fetchedBytes: 0 });
  const check = await warm([`${nginx.origin}/d`, `${nginx.origin}/other.bin`], {
    isRecursive: true,
    isCheck: true,
  });
  t.like(check.report, { state: 'done', files: 4, totalFiles: 5, doneBytes: total });
  t.like(check.lines[0], { url: `${nginx.origin}/other.bin`, done_bytes: 0 });
  await nginx.kill();
  const resource = await cache.open(`${nginx.origin}/d/a.bin`);
  const read = await resource.read(MIB, 4 * MIB, (pieces) => Buffer.concat(pieces));
  resource.close();
  t.true(read.equals(Buffer.alloc(5 * MIB, 'd/a.bin').subarray(MIB)));
});

test('the next run fetches what is missing alone', async (t) => {
  const nginx = await served(t, { 'a.bin': 8 * MIB });
  const url = `${nginx.origin}/a.bin`;
  const directory = await temporaryDirectory(t);
  const first = warmed(t, await storeFor(t, directory, { blockBytes }));
  const resource = await first.cache.open(url);
  for (let at = 0; at < 3 * MIB; at += 128 * 1024) await resource.read(at, 128 * 1024, () => undefined);
  resource.close();
  await first.cache.close();
  const sent = await sentBytes(nginx);
  const second = warmed(t, await storeFor(t, directory, { blockBytes }));
  const { report } = await second.warm([url]);
  t.like(report, { state: 'done', files: 1, doneBytes: 8 * MIB });
  const nowSent = (await sentBytes(nginx)) - sent;
  t.is(report.fetchedBytes, nowSent);
  t.true(nowSent <= 5 * MIB, `${nowSent}`);
});

test('readers and jobs that want the same fetch it once', async (t) => {
  const nginx = await served(t, { 'a.bin': 6 * MIB });
  const url = `${nginx.origin}/a.bin`;
  const { warm, cache } = warmed(t, await storeFor(t, await temporaryDirectory(t), { blockBytes }));
  const read = async (): Promise<void> => {
    const resource = await cache.open(url);
    await resource.read(0, 6 * MIB, () => undefined);
    resource.close();
  };
  const results = await Promise.all([warm([url]), warm([url]), read()]);
  t.like(results[0].report, { state: 'done', files: 1, doneBytes: 6 * MIB });
  t.like(results[1].report, { state: 'done', files: 1, doneBytes: 6 * MIB });
  t.is(await sentBytes(nginx), 6 * MIB);
});

test('each failure is named, and the others are brought', async (t) => {
  const nginx = await served(t, { 'd/a.bin': 10, 'b.bin': 20 });
  const { warm } = warmed(t, await storeFor(t, await temporaryDirectory(t), { blockBytes }));
  const { report, lines } = await warm([
    `${nginx.origin}/none.bin`,
    `${nginx.origin}/d`,
    `${nginx.origin}/b.bin`,
    nginx.origin,
  ]);
  t.like(report, { state: 'done', files: 1, failed: 3, doneBytes: 20 });
  const codes = lines.map((line) => (line as { error: { code: string } }).error.code);
  t.deepEqual(codes.toSorted(), ['IS_DIRECTORY', 'IS_DIRECTORY', 'NOT_FOUND']);
});

test('what cannot be kept on disk is named', async (t) => {
  const server = await startFaultServer(t, (_, response) => response.end('without validators'));
  const { warm } = warmed(t, await storeFor(t, await temporaryDirectory(t), { blockBytes }));
  const { report, lines } = await warm([`${server.origin}/a.bin`]);
  t.like(report, { files: 0, failed: 1 });
  t.like(lines[0], { error: { code: 'NOT_STORABLE' } });
});

test('a body of unknown length, and one without ranges, are brought too', async (t) => {
  const body = Buffer.alloc(3 * MIB, 'body');
  const server = await startFaultServer(t, ({ url }, response) => {
    const length = url === '/sized' ? { 'content-length': body.length } : {};
    response.writeHead(200, { etag: '"1"', ...length }).end(body);
  });
  const { warm } = warmed(t, await storeFor(t, await temporaryDirectory(t), { blockBytes }));
  const { report, lines } = await warm([`${server.origin}/sized`, `${server.origin}/chunked`]);
  t.deepEqual(lines, []);
  t.like(report, { state: 'done', files: 2, failed: 0, doneBytes: 2 * body.length });
});

// S159
test('a job ends before it pushes out what it has brought', async (t) => {
  const sizes = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`d/${name}.bin`, MIB]));
  const nginx = await served(t, { ...sizes, 'old.bin': MIB, 'large.bin': 8 * MIB });
  const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes, limitBytes: 4.5 * MIB });
  const { warm } = warmed(t, disk);
  await warm([`${nginx.origin}/old.bin`]);
  const { report, lines } = await warm([`${nginx.origin}/d`], { isRecursive: true, jobs: 1 });
  t.like(report, { state: 'failed', files: 4, error: { code: 'NO_ROOM' } });
  t.regex(
    report.error?.message ?? '',
    /the disk cache holds \d+ bytes: what was warmed takes \d+; .* 1048576 bytes/,
  );
  t.true(lines.length === 1);
  const check = await warm([`${nginx.origin}/d`], { isRecursive: true, isCheck: true });
  t.is(check.report.files, 4, 'what it brought is there; what was older has gone');
  const large = await warm([`${nginx.origin}/large.bin`]);
  t.like(large.report, { state: 'failed', files: 0, fetchedBytes: 0 });
});

test('a job that is stopped leaves no request behind, and what it brought', async (t) => {
  const body = Buffer.alloc(8 * MIB, 'x');
  let openBodies = 0;
  const server = await startFaultServer(t, ({ headers }, response) => {
    const [, first = '0', last = '0'] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
    const piece = body.subarray(Number(first), Number(last) + 1);
    response.writeHead(206, {
      etag: '"1"',
      'content-range': `bytes ${first}-${last}/${body.length}`,
      'content-length': piece.length,
    });
    if (Number(first) < 4 * MIB) {
      response.end(piece);
      return;
    }
    openBodies += 1;
    response.write(piece.subarray(0, 10));
    response.once('close', () => (openBodies -= 1));
  });
  const { jobs, warm } = warmed(t, await storeFor(t, await temporaryDirectory(t), { blockBytes }));
  const options = { isRecursive: false, jobs: 4, isCheck: false, isBackground: true };
  const job = jobs.start(options, eachOf([`${server.origin}/a.bin`]), () => Promise.resolve());
  await until('it hangs', () => openBodies > 0 && job.report().doneBytes > 0);
  t.like(jobs.counts, { running: 1 });
  t.is(jobs.stop(job.id).state, 'cancelled');
  await job.ended;
  await until('the requests have ended', () => openBodies === 0);
  t.like(jobs.counts, { running: 0, cancelled: 1 });
  t.throws(() => jobs.stop(77), { code: 'NO_SUCH_JOB' });
  const { report } = await warm([`${server.origin}/a.bin`], { isCheck: true });
  t.true(report.doneBytes >= MIB && report.doneBytes < 8 * MIB);
});

test('a dead source ends a job of many files', async (t) => {
  const server = await startFaultServer(t, () => undefined);
  await server.close();
  const { warm } = warmed(t, await storeFor(t, await temporaryDirectory(t), { blockBytes }));
  const urls = Array.from({ length: 500 }, (_, i) => `${server.origin}/${i}.bin`);
  const { report, lines } = await warm(urls, { jobs: 8 });
  t.like(report, { state: 'failed', files: 0, error: { code: 'UNREACHABLE' } });
  t.true(lines.length < 40, `${lines.length}`);
});

// S158
test('what is pinned takes room from others that are warmed, and not twice from itself', async (t) => {
  const names = ['a', 'b', 'c', 'd'];
  const sizes = Object.fromEntries(
    names.flatMap((name) => [
      [`p/${name}.bin`, MIB],
      [`q/${name}.bin`, MIB],
    ]),
  );
  const nginx = await served(t, sizes);
  const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes, limitBytes: 6 * MIB });
  const { warm } = warmed(t, disk);
  await disk.pin([{ url: `${nginx.origin}/p`, isRecursive: true, sizeBytes: undefined }]);
  const own = await warm([`${nginx.origin}/p`], { isRecursive: true });
  t.like(own.report, { state: 'done', files: 4 });
  const other = await warm([`${nginx.origin}/q`], { isRecursive: true, jobs: 1 });
  t.like(other.report, { state: 'failed', files: 1, error: { code: 'NO_ROOM' } });
  t.regex(other.report.error?.message ?? '', /\d+ are pinned/);
  const check = await warm([`${nginx.origin}/p`], { isRecursive: true, isCheck: true });
  t.is(check.report.files, 4);
});
