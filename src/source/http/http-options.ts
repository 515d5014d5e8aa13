import { type AddressPolicy, addressPolicy } from '../address-policy.js';
import type { Connect } from './connect.js';

export interface HttpClientOptions {
  /** Give up when the source has sent nothing for this long, or less than `LowSpeedLimit` demands, retries included. */
  readonly timeoutMs: number;
  /** Tries after the first one, for what may pass. */
  readonly retries: number;
  readonly maxConnectionsPerOrigin: number;
  /** To all origins together. */
  readonly maxConnections: number;
  readonly maxRedirects: number;
  /**
   * Headers to send to the URL's origin, credentials among them; asked anew for each URL of a redirect
   * chain. Names are in lower case.
   */
  readonly headersFor: (url: URL) => Readonly<Record<string, string>>;
  /** A certificate authority to trust besides those that Node brings along, in PEM. */
  readonly ca: string | undefined;
  /** Which addresses may be connected to. */
  readonly addressPolicy: AddressPolicy;
  /** Makes the connections, whatever the address; undefined: as the system does. */
  readonly connect: Connect | undefined;
}

export const DEFAULT_HTTP_CLIENT_OPTIONS: HttpClientOptions = {
  timeoutMs: 30_000,
  retries: 3,
  maxConnectionsPerOrigin: 8,
  maxConnections: 64,
  maxRedirects: 10,
  headersFor: () => ({}),
  ca: undefined,
  addressPolicy: addressPolicy({ isShared: false, allowed: [] }),
  connect: undefined,
};
