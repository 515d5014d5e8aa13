/** TLS of control and data connections (RFC 4217). */
import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { connect, type ConnectionOptions, rootCertificates, type TLSSocket } from 'node:tls';

import { hostOf } from '../../http/tls-client.js';
import type { FtpServer } from './ftp-server.js';

/**
 * The session of the control connection is resumed on data connections: a server may demand it, since it shows that both are of
 * the same client. Each connection may bring a new one.
 */
export class SecureSockets {
  readonly #options: ConnectionOptions;
  #session: Buffer | undefined;

  constructor({ url, tls = {} }: FtpServer) {
    const { ca, cert, key, passphrase, verify } = tls;
    const host = hostOf(url);
    this.#options = {
      host,
      servername: isIP(host) === 0 ? host : '',
      rejectUnauthorized: verify !== false,
      ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(passphrase !== undefined && { passphrase }),
    };
  }

  /** Resolves when the certificate was checked. `signal` ends the attempt. */
  async secure(socket: Socket, signal: AbortSignal): Promise<TLSSocket> {
    const secured = this.begin(socket);
    try {
      await once(secured, 'secureConnect', { signal });
    } catch (error) {
      secured.on('error', () => undefined).destroy();
      throw error;
    }
    return secured;
  }

  begin(socket: Socket): TLSSocket {
    const session = this.#session;
    const secured = connect({ ...this.#options, socket, ...(session !== undefined && { session }) });
    secured.on('session', (fresh) => {
      this.#session = fresh;
    });
    return secured;
  }
}
