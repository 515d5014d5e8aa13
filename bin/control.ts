/** Lets others see and operate a mount: by its control socket, and by `--metrics-listen`. */
import { rm } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from 'pino';

import { listen, type Listening } from '../src/control/listen.js';
import { messageOf } from '../src/error-code.js';
import { makeDirectory } from '../src/make-directory.js';
import { findMount, type Mount } from '../src/mount/mount-table.js';
import type { MountLayers } from './compose.js';
import { formatListenAddress, type ListenAddress } from './listen-address.js';
import { type Operation, ServedMount } from './served-mount.js';
import { controlSocket, identifyProcess, runDirectory } from './serving-process.js';

/** Of an address that another program has. */
const RETRY_MS = 1_000;

/**
 * Rejects if the address of `--metrics-listen` cannot be used; a mount that `isResumed` goes on, and listens there later. Without a
 * control socket a mount goes on.
 */
export async function openControl(
  layers: MountLayers,
  operation: Operation,
  log: Logger,
  isResumed: boolean,
): Promise<() => Promise<void>> {
  const mount = await findMount(operation.path);
  const served = new ServedMount(layers, operation, mount?.device);
  layers.shown.show(served);
  const { metricsListen } = operation.configuration.current.options;
  const ofNetwork =
    metricsListen &&
    (isResumed
      ? listenWhenFree(metricsListen, served, log)
      : await listenForMetrics(metricsListen, served, log));
  const ofOwner = mount && (await listenForOwner(mount, served, log));
  return async () => {
    await ofNetwork?.close();
    await ofOwner?.close();
  };
}

/** While no process served the mount, any program could take the address: its readers do not depend on that. */
function listenWhenFree(at: ListenAddress, served: ServedMount, log: Logger): Pick<Listening, 'close'> {
  const closed = new AbortController();
  const { signal } = closed;
  const listening = (async () => {
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        return await listenForMetrics(at, served, log);
      } catch (error) {
        if (tries === 0) log.error({ err: error }, `there are no metrics yet: ${messageOf(error)}`);
        await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
    return undefined;
  })();
  return {
    close: async () => {
      closed.abort();
      await (await listening)?.close();
    },
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
