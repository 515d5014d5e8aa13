/** The sources s3 and gs against servers that others wrote. */
import test, { type ExecutionContext } from 'ava';

import { bucketClient, fixed } from '../support/bucket-client.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import type { Need } from '../support/conformance/tested-source.js';
import { startFaultFront } from '../support/fault-front.js';
import { startedOnce } from '../support/started-once.js';
import { FAKE_GCS, startFakeGcs } from './fake-gcs.js';
import {
  startMoto,
  startRcloneS3,
  type StartStrongBuckets,
  startVersityGw,
  type StrongBuckets,
} from './strong-buckets.js';
import { findTool } from './tools.js';

const BUCKET = 'bucket';
let directories = 0;

async function setUp(t: ExecutionContext, server: StrongBuckets, timeoutMs: number): Promise<TestedSource> {
  const front = await startFaultFront(t, server.endpoint);
  const { accessKeyId, accessKeySecret } = server;
  const directory = `test-${(directories += 1)}`;
  return {
    client: bucketClient(t, {
      vendor: 's3',
      settings: { endpoint: new URL(front.origin) },
      credentials: fixed({ accessKeyId, accessKeySecret }),
      timeoutMs,
    }),
    front,
    urlOf: (name) => `s3://${BUCKET}/${directory}/${name.split('/').map(encodeURIComponent).join('/')}`,
    put: (name, content) => server.put(BUCKET, `${directory}/${name}`, content),
  };
}

interface StrongServer {
  readonly tool: string;
  readonly start: StartStrongBuckets;
  readonly canPut?: (name: string) => boolean;
  readonly lacks?: Readonly<Partial<Record<Need, string>>>;
}

const LACKS = {
  forbidden: 'one user may read all',
  archived: 'it has no archive',
  modes: 'objects have none',
  expireCredentials: 'its keys do not expire',
  revokeCredentials: 'its keys stay',
  'flat keys': 'it, or fetch, has no such keys',
};

const SERVERS: Readonly<Record<string, StrongServer>> = {
  // Its routes end at a line.
  moto: { tool: 'python/bin/moto_server', start: startMoto, canPut: (name) => !name.includes('\n') },
  'rclone serve s3': {
    tool: 'python/bin/rclone',
    start: startRcloneS3,
    // It takes the two forms of a directory's name for one.
    canPut: (name) => name.normalize('NFC') === name,
    lacks: { 'listed versions': 'its listings have no ETag' },
  },
  versitygw: {
    tool: 'versitygw/versitygw',
    start: startVersityGw,
    // It does not encode names, whatever the request says, and XML has no such characters.
    canPut: (name) => !name.includes('\u0007'),
  },
};

for (const [name, { tool, start, canPut, lacks }] of Object.entries(SERVERS)) {
  const found = findTool(tool);
  if ('missing' in found) {
    test.skip(`s3 on ${name} (${found.missing})`, () => undefined);
  } else {
    const started = startedOnce(async (all) => {
      const server = await start(all, found.path);
      await server.createBucket(BUCKET);
      return server;
    });
    testSourceFully(`s3 on ${name}`, {
      lacks: { ...LACKS, ...lacks },
      isSerial: true,
      setUp: async (t, timeoutMs) => ({
        ...(await setUp(t, await started(), timeoutMs)),
        ...(canPut === undefined ? {} : { canPut }),
      }),
    });
  }
}

const fakeGcs = findTool(FAKE_GCS);
if ('missing' in fakeGcs) {
  test.skip(`gs on fake-gcs-server (${fakeGcs.missing})`, () => undefined);
} else {
  const started = startedOnce(async (all) => {
    const server = await startFakeGcs(all, fakeGcs.path);
    await server.createBucket(BUCKET);
    return server;
  });
  testSourceFully('gs on fake-gcs-server', {
    lacks: {
      ...LACKS,
      front: 'it knows buckets at its own host only',
      'listed versions': 'its listed ETags have no quotes',
    },
    isSerial: true,
    setUp: async (t, timeoutMs) => {
      const server = await started();
      const directory = `test-${(directories += 1)}`;
      return {
        client: bucketClient(t, {
          vendor: 'gs',
          settings: { endpoint: new URL(server.endpoint) },
          credentials: fixed({ token: 'any' }),
          timeoutMs,
        }),
        // It encodes no names, and Go's XML has no such characters.
        canPut: (name) => !name.includes('\u0007'),
        urlOf: (name) => `gs://${BUCKET}/${directory}/${name.split('/').map(encodeURIComponent).join('/')}`,
        put: (name, content) => server.put(BUCKET, `${directory}/${name}`, content),
      };
    },
  });
}
