/** A long way to a server: what comes goes on after a while. Run: node relay.js PORT DELAY_MS; prints its own port. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const [port = NaN, delayMs = NaN] = process.argv.slice(2).map(Number);
/** More than is on its way at the rates that are measured. */
const MAX_UNDERWAY_BYTES = 64 * 1024 * 1024;

interface Parcel {
  /** Undefined: the end. */
  readonly chunk: Buffer | undefined;
  readonly dueMs: number;
}

function carry(from: Socket, to: Socket): void {
  const underway: Parcel[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const deliver = (): void => {
    for (let [next] = underway; next !== undefined && next.dueMs <= performance.now(); [next] = underway) {
      underway.shift();
      bytes -= next.chunk?.length ?? 0;
      if (next.chunk === undefined) to.end();
      else to.write(next.chunk);
    }
    if (bytes < MAX_UNDERWAY_BYTES) from.resume();
    const [next] = underway;
    timer = next && setTimeout(deliver, Math.max(1, next.dueMs - performance.now()));
  };
  const take = (chunk?: Buffer): void => {
    underway.push({ chunk, dueMs: performance.now() + delayMs });
    bytes += chunk?.length ?? 0;
    if (bytes >= MAX_UNDERWAY_BYTES) from.pause();
    timer ??= setTimeout(deliver, delayMs);
  };
  from
    .on('data', take)
    .on('end', () => take())
    .on('error', () => to.destroy());
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  carry(near, far);
  carry(far, near);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
console.log((server.address() as AddressInfo).port);
