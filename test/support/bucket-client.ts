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

/** Settings for the server: a store that has the bucket in the name of the host is reached by the server as a proxy. */
export function settingsOf(vendor: Vendor, server: RunningBucketServer): AccessSettings {
  if (vendor !== 'oss') return { endpoint: new URL(server.origin) };
  return { endpoint: new URL('http://oss-us-east-1.aliyuncs.com'), proxy: literal(server.origin) };
}

export function literal(text: string): NonNullable<Exclude<AccessSettings['proxy'], 'direct'>> {
  return literalSecret(text);
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
