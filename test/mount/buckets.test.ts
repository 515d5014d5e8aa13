/** s3, oss and gs through a mount, by real programs; what a listing and an open cost; what a refusal is to a program. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { type RunningBucketServer, startBucketServer, type Vendor } from '../servers/bucket/bucket-server.js';
import { onDevFuse, run } from '../support/mounted.js';
import { configFile, makeOriginal, ok, readsAsOriginal } from '../support/original-tree.js';
import { temporaryDirectory } from '../support/temp.js';

const BUCKET = 'bucket-125';

async function upload(root: string, server: RunningBucketServer): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const options = { lastModifiedMs: (await stat(path)).mtimeMs };
    if (entry.isFile()) server.put(BUCKET, path.slice(root.length + 1), await readFile(path), options);
  }
}

/** A rule as the configuration has it. */
function ruleFor(vendor: Vendor, server: RunningBucketServer): Record<string, unknown> {
  const { accessKeyId, accessKeySecret, origin } = server;
  const keys = { accessKeyId, accessKeySecret };
  const match = { scheme: vendor };
  if (vendor === 'gs') return { match, endpoint: origin, credentials: { token: server.bearer } };
  if (vendor === 's3') return { match, endpoint: origin, credentials: keys };
  return { match, endpoint: 'http://oss-us-east-1.aliyuncs.com', proxy: origin, credentials: keys };
}

onDevFuse('real programs read s3, oss and gs as the original', async (t, mount) => {
  const root = await makeOriginal(t);
  const vendors = ['s3', 'oss', 'gs'] as const;
  const servers = await Promise.all(vendors.map((vendor) => startBucketServer(t, vendor)));
  for (const server of servers) await upload(root, server);
  const rules = vendors.map((vendor, i) => ruleFor(vendor, servers[i] as RunningBucketServer));
  const mnt = await mount('--config', await configFile(t, ...rules));
  for (const vendor of vendors) await readsAsOriginal(t, `${mnt}/${vendor}/${BUCKET}`, root);
});

onDevFuse('ls -l of 10,000 objects is ten requests, and opening one of them is one', async (t, mount) => {
  const server = await startBucketServer(t, 's3');
  for (let i = 0; i < 10_000; i += 1) server.put(BUCKET, `many/${i}`, 'x'.repeat(i % 100));
  const mnt = await mount('--config', await configFile(t, ruleFor('s3', server)));
  const many = `${mnt}/s3/${BUCKET}/many`;
  await ok(t, 'ls "$1" > /dev/null', `${mnt}/s3/${BUCKET}`);
  server.log.length = 0;
  const listed = await ok(t, 'ls -l "$1" | awk \'$5 == $9 % 100\' | wc -l', many);
  t.is(listed.trim(), '10000');
  t.deepEqual(
    server.log.map(({ uri }) => /list-type=2.*&prefix=many%2F&max-keys=1000/.test(uri)),
    Array.from({ length: 10 }, () => true),
  );
  server.log.length = 0;
  t.is(await ok(t, 'cat "$1/4242"', many), 'x'.repeat(42));
  t.deepEqual(
    server.log.map(({ method, uri, status }) => `${method} ${uri} ${status}`),
    [`GET /${BUCKET}/many/4242 206`],
  );
});

onDevFuse(
  'a refusal of a store is the errno that says it, and what to do is in the log',
  async (t, mount) => {
    const server = await startBucketServer(t, 's3');
    server.put(BUCKET, 'cold', 'x', { isArchived: true });
    server.put(BUCKET, 'forbidden/file', 'x');
    server.put(BUCKET, 'dir/file', 'content');
    server.put('far', 'file', 'content');
    server.put('secret', 'dir/file', 'content');
    server.bucket('far', { region: 'eu-west-1' });
    server.bucket('secret', { mayList: false });
    server.refuse('AccessDenied', { part: 'forbidden/' });
    const log = join(await temporaryDirectory(t), 'log');
    const config = await configFile(t, ruleFor('s3', server));
    const mnt = await mount('--config', config, '--log-file', log);
    const catOf = async (path: string): Promise<string> => {
      const { stdout, stderr } = await run('cat', [`${mnt}/${path}`]);
      return stdout || (/: ([^:]*)\n$/.exec(stderr)?.[1] ?? stderr);
    };
    for (const [path, outcome] of [
      [`s3/${BUCKET}/dir/file`, 'content'],
      ['s3/far/file', 'content'],
      // Where nothing may be listed, a path leads to what may be read.
      ['s3/secret/dir/file', 'content'],
      ['s3/secret/dir/none', 'Permission denied'],
      [`s3/${BUCKET}/none`, 'No such file or directory'],
      [`s3/${BUCKET}/dir/none`, 'No such file or directory'],
      [`s3/${BUCKET}/dir/file/none`, 'Not a directory'],
      ['s3/none/file', 'No such file or directory'],
      [`s3/${BUCKET}/dir`, 'Is a directory'],
      [`s3/${BUCKET}/cold`, 'Permission denied'],
      [`s3/${BUCKET}/forbidden/file`, 'Permission denied'],
      ['oss/bucket/file', 'Invalid argument'],
    ] as const) {
      t.is(await catOf(path), outcome, path);
    }
    const lines = await readFile(log, 'utf8');
    t.regex(lines, /restore it first/);
    t.regex(lines, /oss need endpoint/);
    t.false(lines.includes(server.accessKeySecret));
  },
);

onDevFuse("Dragonfly's own names of options are settings, and none is sent", async (t, mount) => {
  const server = await startBucketServer(t, 's3');
  server.put(BUCKET, 'file', 'content');
  const sent: string[] = [];
  const handle = server.handle.bind(server);
  server.handle = (message, response) => {
    sent.push(...Object.keys(message.headers));
    handle(message, response);
  };
  const options = {
    awsEndpoint: server.origin,
    awsRegion: 'us-east-1',
    awsAccessKeyID: server.accessKeyId,
    awsSecretAccessKey: server.accessKeySecret,
    awsS3ForcePathStyle: 'true',
  };
  const headers = Object.entries(options).flatMap(([name, value]) => [
    '--header',
    `s3://${BUCKET}: ${name}: ${value}`,
  ]);
  const mnt = await mount(...headers);
  t.is(await ok(t, 'cat "$1"', `${mnt}/s3/${BUCKET}/file`), 'content');
  t.true(sent.includes('authorization'));
  t.deepEqual(
    sent.filter((name) => /^aws|secret/i.test(name)),
    [],
  );
});
