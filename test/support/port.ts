import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Below them are no ports that the kernel gives to a connection, or to a server that asks for any. */
const EPHEMERAL = 32_768;
const FIRST = 10_000;

/**
 * A port of loopback for a server that is started by its number. No other caller gets it, in no process of the
 * tests, while this process lives: the UDP port of that number, at an address that no server has, is the lock.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (EPHEMERAL - FIRST));
    if ((await isOurs(port)) && (await isUnused(port))) return port;
  }
}

async function isOurs(port: number): Promise<boolean> {
  const lock = createSocket('udp4').unref();
  try {
    lock.bind({ port, address: '127.0.0.2', exclusive: true });
    await once(lock, 'listening');
    return true;
  } catch {
    lock.close();
    return false;
  }
}

async function isUnused(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return true;
}

export async function untilConnects(port: number, host = '127.0.0.1'): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, host);
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => socket.destroy());
      socket.once('connect', () => socket.destroy());
    });
    if (connected) return;
    await sleep(25);
  }
  throw new Error(`nothing listens on port ${port}`);
}
