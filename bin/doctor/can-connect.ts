import { connect } from 'node:net';

import { hostOf } from '../../src/source/http/tls-client.js';

const LIMIT_MS = 5_000;

/** Whether the host of a URL takes connections. Resolves to why not. */
export function canConnect(url: URL): Promise<string | undefined> {
  return new Promise((resolve) => {
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const socket = connect({ host: hostOf(url), port });
    const end = (failure: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(failure);
    };
    const timer = setTimeout(() => end(`no answer within ${LIMIT_MS / 1000} s`), LIMIT_MS);
    socket.once('connect', () => end(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
