/** Where a server is, and as whom it is logged in to. */
import type { CredentialProvider } from '../../auth/credentials.js';
import type { HttpEngine, HttpRoute } from '../../http/http-engine.js';
import type { ServerTraits } from './server-traits.js';

export type TlsMode = 'none' | 'explicit' | 'implicit';

export interface FtpAccount {
  readonly user: string;
  readonly password: string;
}

export interface FtpServer {
  /** Its root. */
  readonly url: URL;
  readonly port: number;
  readonly engine: Pick<HttpEngine, 'connectTcp' | 'tcpReceiver'>;
  readonly tlsMode: TlsMode;
  readonly tls: HttpRoute['tls'];
  /** Undefined: anonymous. */
  readonly account: CredentialProvider<FtpAccount> | undefined;
  readonly timeoutMs: number;
  readonly traits: ServerTraits;
}

const PORTS: Readonly<Record<TlsMode, number>> = { none: 21, explicit: 21, implicit: 990 };

export function portOf(url: URL, mode: TlsMode): number {
  return url.port === '' ? PORTS[mode] : Number(url.port);
}
