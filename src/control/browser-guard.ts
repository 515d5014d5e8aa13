/**
 * Keeps pages of the web from reading a mount through the browser of somebody who can reach it. A page of another origin is refused
 * by its `Origin`; one whose name was made to lead here (DNS rebinding) by its `Host`.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Why the request is refused; undefined: it is not. `anyHost`: what it is for may be seen under any name. */
export function refusedAsForeign(request: IncomingMessage, anyHost = false): string | undefined {
  const { headers, socket } = request;
  // Browsers send it with what a page of another origin requests, and with every POST.
  if (headers.origin !== undefined) return 'not for pages of the web';
  if (anyHost) return undefined;
  // Prometheus and curl send none of these, and no script can make a browser leave all of them out.
  const isBrowser = ['accept-language', 'sec-fetch-site', 'sec-fetch-mode'].some((name) => name in headers);
  const isLoopback = /^(?:::ffff:)?127\.|^::1$/.test(socket.localAddress ?? '');
  if (!isBrowser && !isLoopback) return undefined;
  const { host } = headers;
  if (host === undefined) return isBrowser ? 'the header Host is missing' : undefined;
  return isOwnName(nameOf(host))
    ? undefined
    : 'the header Host must have an address, localhost, or the name of the machine';
}

function isOwnName(name: string): boolean {
  return (
    isIP(name) !== 0 ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === hostname().toLowerCase()
  );
}

/** Without port and brackets. */
function nameOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}
