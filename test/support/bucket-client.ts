import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import type { CredentialProvider } from '../../src/source/auth/credentials.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import {
  type AccessSettings,
  BucketAccess,
  type BucketCredentials,
} from '../../src/source/schemes/bucket/bucket-access.js';
import { createBucketClient } from '../../src/source/schemes/bucket/bucket-client.js';
import { validatingClient } from '../../src/source/validating-client.js';
import type { RunningBucketServer, Vendor } from '../servers/bucket/bucket-server.js';

/** Credentials that do not change. Undefined: none were found. */
export function fixed(credentials: BucketCredentials | undefined): CredentialProvider<BucketCredentials> {
  return {
    get: () => Promise.resolve(credentials),
    refused: () => undefined,
    notFound: credentials === undefined ? 'no credentials were found (looked in: this test)' : undefined,
  };
}

/** The server's own key. */
export function keyOf({ accessKeyId, accessKeySecret }: RunningBucketServer): BucketCredentials {
  return { accessKeyId, accessKeySecret };
}

/** The endpoints of the stores that have the bucket in the name of the host. */
const VENDOR_ENDPOINTS: Readonly<Partial<Record<Vendor, string>>> = {
  oss: 'http://oss-us-east-1.aliyuncs.com',
  obs: 'http://obs.us-east-1.myhuaweicloud.com',
  cos: 'http://cos.us-east-1.myqcloud.com',
};

/** Settings for a server, or what stands before it: it is the endpoint, or the proxy on the way to that of the vendor. */
export function settingsOf(vendor: Vendor, origin: string): AccessSettings {
  const endpoint = VENDOR_ENDPOINTS[vendor];
  if (endpoint === undefined) return { endpoint: new URL(origin) };
  return { endpoint: new URL(endpoint), proxy: literalSecret(origin) };
}

export interface BucketClientOfTest {
  readonly vendor: Vendor;
  readonly settings: AccessSettings;
  readonly credentials: CredentialProvider<BucketCredentials>;
  readonly timeoutMs?: number;
  readonly retries?: number;
  /** Lines of the log. */
  readonly lines?: string[];
}

/** A client of buckets with these settings for every URL, closed when the test ends. */
export function bucketClient(t: ExecutionContext, options: BucketClientOfTest): CompleteClient {
  const { vendor, settings, credentials, timeoutMs = 5_000, retries = 2, lines = [] } = options;
  const engine = createHttpEngine({ timeoutMs, retries });
  t.teardown(() => engine.close());
  const access = new BucketAccess(vendor, settings, credentials);
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(line) });
  return validatingClient(createBucketClient({ engine, log, accessFor: () => Promise.resolve(access) }));
}
