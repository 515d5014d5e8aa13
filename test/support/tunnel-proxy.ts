import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

import type { ExecutionContext } from 'ava';

/** A forward proxy that leads each tunnel to one port of loopback. `tunnels`: what was asked of it, with the credentials. */
export async function startTunnelProxy(
  t: ExecutionContext,
  port: number,
): Promise<{ readonly host: string; readonly tunnels: string[] }> {
  const tunnels: string[] = [];
  const proxy = createServer().on('connect', (request, socket) => {
    tunnels.push([request.url, request.headers['proxy-authorization']].filter(Boolean).join(' '));
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => proxy.close());
  return { host: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, tunnels };
}
