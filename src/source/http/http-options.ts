import { readFileSync } from 'node:fs';

import { type AddressPolicy, addressPolicy } from '../address-policy.js';
import type { RequestActivity } from '../request-activity.js';
import type { Connect } from './connect.js';
import type { IoThreads } from './io-threads.js';
import { environmentProxy, type ProxyFor } from './route.js';

export interface HttpEngineOptions {
  /** Give up when the source has sent nothing for this long, or less than `LowSpeedLimit` demands, retries included. */
  readonly timeoutMs: number;
  /** Tries after the first one, for retryable failures. */
  readonly retries: number;
  readonly maxConnectionsPerOrigin: number;
  /** To all origins together. */
  readonly maxConnections: number;
  /** A certificate authority to trust besides those of Node, in PEM. */
  readonly ca: string | undefined;
  /** Which addresses may be connected to. */
  readonly addressPolicy: AddressPolicy;
  /** Makes the connections, whatever the address; undefined: as the system does. */
  readonly connect: Connect | undefined;
  /** Default: as the environment says. */
  readonly proxyFor: ProxyFor | undefined;
  /** Where long responses are received; undefined: in this thread. */
  readonly threads: IoThreads | undefined;
  /** Where requests are counted; undefined: nowhere else. */
  readonly activity: RequestActivity | undefined;
}

export interface HttpClientOptions extends HttpEngineOptions {
  /**
   * Headers to send to the URL's origin, credentials among them; called for each URL of a redirect
   * chain. Names are in lower case.
   */
  readonly headersFor: (url: URL) => Readonly<Record<string, string>>;
}

const MAX_CONNECTIONS = 64;
/** Of the descriptors: the pool may have four times `maxConnections`, and the other half is for everything else. */
const DESCRIPTOR_SHARE = 1 / 8;

/** RLIMIT_NOFILE, to whose hard limit Node raises itself when it starts. */
function maxDescriptors(): number {
  try {
    return Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity,
    );
  } catch {
    return Infinity;
  }
}

export const DEFAULT_HTTP_ENGINE_OPTIONS: HttpEngineOptions = {
  timeoutMs: 30_000,
  retries: 3,
  maxConnectionsPerOrigin: 8,
  maxConnections: Math.max(1, Math.min(MAX_CONNECTIONS, Math.floor(maxDescriptors() * DESCRIPTOR_SHARE))),
  ca: undefined,
  addressPolicy: addressPolicy({ isShared: false, allowed: [] }),
  connect: undefined,
  proxyFor: environmentProxy(),
  threads: undefined,
  activity: undefined,
};
