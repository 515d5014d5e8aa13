/** Lets others see and operate a mount: by its control socket, and by `--metrics-listen`. */
import { rm } from 'node:fs/promises';
import process from 'node:process';

import type { Logger } from 'pino';

import { listen, type Listening } from '../src/control/listen.js';
import { messageOf } from '../src/error-code.js';
import { makeDirectory } from '../src/make-directory.js';
import { findMount, type Mount } from '../src/mount/mount-table.js';
import type { MountLayers } from './compose.js';
import { formatListenAddress, type ListenAddress } from './listen-address.js';
import { type Operation, ServedMount } from './served-mount.js';
import { controlSocket, identifyProcess, runDirectory } from './serving-process.js';

/** Rejects if the address of `--metrics-listen` cannot be used. Without a control socket a mount goes on. */
export async function openControl(
  layers: MountLayers,
  operation: Operation,
  log: Logger,
): Promise<() => Promise<void>> {
  const mount = await findMount(operation.path);
  const served = new ServedMount(layers, operation, mount?.device);
  layers.shown.show(served);
  const { metricsListen } = operation.configuration.current.options;
  const ofNetwork = metricsListen && (await listenForMetrics(metricsListen, served, log));
  const ofOwner = mount && (await listenForOwner(mount, served, log));
  return async () => {
    await ofNetwork?.close();
    await ofOwner?.close();
  };
}

async function listenForMetrics(at: ListenAddress, served: ServedMount, log: Logger): Promise<Listening> {
  try {
    const listening = await listen(at, served, 'public');
    const { port = at.port } = listening;
    log.info({ address: formatListenAddress({ ...at, port }) }, 'metrics are served');
    return listening;
  } catch (error) {
    const address = formatListenAddress(at);
    throw new Error(`--metrics-listen ${address}: cannot listen there: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function listenForOwner(
  mount: Mount,
  served: ServedMount,
  log: Logger,
): Promise<Listening | undefined> {
  try {
    const own = await identifyProcess(process.pid);
    if (own === undefined) return undefined;
    await makeDirectory(runDirectory(), 0o700);
    const path = controlSocket(mount, own);
    // Of another boot, where the directory outlives it.
    await rm(path, { force: true });
    return await listen({ path }, served, 'all');
  } catch (error) {
    log.warn({ err: error }, `there is no control socket: ${messageOf(error)}`);
    return undefined;
  }
}
