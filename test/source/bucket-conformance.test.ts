/** s3, oss, gs, cos and obs against a server that checks their signatures, through a front that fails. */
import type { ExecutionContext } from 'ava';

import type { CredentialProvider } from '../../src/source/auth/credentials.js';
import type { BucketCredentials } from '../../src/source/schemes/bucket/bucket-access.js';
import { startBucketServer, type Vendor } from '../servers/bucket/bucket-server.js';
import { bucketClient, settingsOf } from '../support/bucket-client.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';

const BUCKET = 'bucket-125';
const KEYS = ['first', 'second'].map((accessKeyId) => ({
  accessKeyId,
  accessKeySecret: `secret of ${accessKeyId}`,
  sessionToken: `token+of/${accessKeyId}=`,
}));

/** The first of the keys, and after each refusal the next one. */
function renewed(): CredentialProvider<BucketCredentials> {
  const keys = [...KEYS];
  return {
    get: () => Promise.resolve(keys[0]),
    refused: () => {
      if (keys.length > 1) keys.shift();
    },
  };
}

async function setUp(t: ExecutionContext, timeoutMs: number, vendor: Vendor): Promise<TestedSource> {
  const server = await startBucketServer(t, vendor);
  const front = await startFaultFront(t, server.origin);
  server.bucket(BUCKET);
  server.credentials = [...KEYS];
  server.refuse('AccessDenied', { part: '/forbidden' });
  server.put(BUCKET, 'archived', 'x', { isArchived: true });
  const settings = settingsOf(vendor, front.origin);
  return {
    client: bucketClient(t, { vendor, settings, credentials: renewed(), timeoutMs }),
    front,
    forbidden: 'forbidden',
    archived: 'archived',
    urlOf: (name) => {
      const path = name.split('/').map(encodeURIComponent).join('/');
      return `${vendor}://${BUCKET}/${name === 'archived' ? '' : 'test/'}${path}`;
    },
    put: (name, content) => void server.put(BUCKET, `test/${name}`, content),
    expireCredentials: () => {
      server.credentials = KEYS.map((key, index) => ({ ...key, isExpired: index === 0 }));
    },
    revokeCredentials: () => {
      server.credentials = [];
    },
  };
}

for (const vendor of ['s3', 'oss', 'gs', 'cos', 'obs'] as const) {
  testSourceFully(vendor, {
    lacks: { modes: 'objects have none' },
    setUp: (t, timeoutMs) => setUp(t, timeoutMs, vendor),
  });
}
