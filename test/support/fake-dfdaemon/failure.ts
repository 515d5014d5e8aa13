import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** The origin did not send what was requested. Its status and header go to the client. */
export class BackendError extends Error {
  override readonly name = 'BackendError';
  readonly status: number;
  readonly header: IncomingHttpHeaders;

  constructor(status: number, header: IncomingHttpHeaders) {
    super(`the origin answered ${status}`);
    this.status = status;
    this.header = header;
  }
}

/** dfdaemon itself failed. */
export class DfdaemonError extends Error {
  override readonly name = 'DfdaemonError';
  readonly status: number;

  constructor(status: number) {
    super(`dfdaemon failed with ${status}`);
    this.status = status;
  }
}

/** A status, the type of the error, and no body. */
export function sendFailure(response: ServerResponse, error: unknown): void {
  if (error instanceof BackendError) {
    const { 'transfer-encoding': _, 'content-length': __, ...header } = error.header;
    response.writeHead(error.status, { ...header, 'x-dragonfly-error-type': 'backend' });
  } else {
    const status = error instanceof DfdaemonError ? error.status : 500;
    response.writeHead(status, { 'x-dragonfly-error-type': 'dfdaemon' });
  }
  response.end();
}
