/** Lets others see and operate a mount: by its control socket, and by `--metrics-listen`. */
import process from 'node:process';

import type { Logger } from 'pino';

import { type Close, listen } from '../src/control/listen.js';
import { messageOf } from '../src/error-code.js';
import { makeDirectory } from '../src/make-directory.js';
import { findMount } from '../src/mount/mount-table.js';
import type { MountLayers } from './compose.js';
import { type Operation, ServedMount } from './served-mount.js';
import { controlSocket, identifyProcess, runDirectory } from './serving-process.js';

/** Rejects if the address of `--metrics-listen` cannot be used. Without a control socket a mount goes on. */
export async function openControl(layers: MountLayers, operation: Operation, log: Logger): Promise<Close> {
  const [mount, own] = [await findMount(operation.path), await identifyProcess(process.pid)];
  if (mount === undefined || own === undefined) return () => Promise.resolve();
  const served = new ServedMount(layers, operation, mount.device);
  const closing: Close[] = [];
  try {
    await makeDirectory(runDirectory(), 0o700);
    const { close } = await listen({ path: controlSocket(mount, own) }, served, 'all');
    closing.push(close);
  } catch (error) {
    log.warn({ err: error }, `there is no control socket: ${messageOf(error)}`);
  }
  return async () => {
    await Promise.all(closing.map((close) => close()));
  };
}
