import test from 'ava';

import { Request } from '../../src/source/index.js';
import { startBucketServer } from '../servers/bucket/bucket-server.js';
import { bucketClient, fixed, keyOf } from '../support/bucket-client.js';
import { read, stat } from '../support/conformance/reading.js';
import { startFaultFront } from '../support/fault-front.js';
import { pattern } from '../support/tree.js';

const FILE = 's3://bucket/file';

test('a part that comes with status 200 and a Content-Range is that part', async (t) => {
  const server = await startBucketServer(t, 's3');
  server.partStatus = 200;
  const content = pattern(300_000);
  server.put('bucket', 'file', content);
  const front = await startFaultFront(t, server.origin);
  const settings = { endpoint: new URL(front.origin) };
  const client = bucketClient(t, { vendor: 's3', settings, credentials: fixed(keyOf(server)) });
  const { contentLength, supportRange } = await stat(client, FILE);
  t.deepEqual({ contentLength, supportRange }, { contentLength: 300_000, supportRange: true });
  const range = { start: 100_000, end: 200_000 };
  t.deepEqual(await read(client, FILE, { range }), content.subarray(range.start, range.end));
  front.add({ cutAfterBytes: 50_000, times: 1 });
  t.deepEqual(await read(client, FILE), content);
  // Another part than the one that was requested is refused.
  front.add({
    rewrite: ({ header, ...answer }) => ({
      ...answer,
      header: { ...header, 'content-range': 'bytes 0-99999/300000' },
    }),
  });
  await t.throwsAsync(client.download(new Request(FILE, { range })), { code: 'PROTOCOL' });
});
