import type { Logger } from 'pino';

import { coversAnother, findOwnMount, type Mount } from '../src/mount/mount-table.js';
import {
  type Mountpoint,
  MountpointError,
  prepareMountpoint,
  removeMountpoint,
} from '../src/mount/mountpoint.js';
import type { MountSession } from '../src/mount/transport.js';
import { compose } from './compose.js';
import type { MountRequest } from './mount-request.js';
import { noteProcess, servingProcess } from './run-file.js';
import { type StartLock, tryStartLock } from './start-lock.js';

/** A mount that stands, and whose process others can find. */
export interface StartedMount {
  readonly session: MountSession;
  /** To be called when the session has ended: leaves nothing behind. */
  cleanUp(): Promise<void>;
}

/** Mounts while it holds the lock, and releases it. The path of the request is canonical. */
export async function startMount(request: MountRequest, lock: StartLock, log: Logger): Promise<StartedMount> {
  let mountpoint: Mountpoint | undefined;
  try {
    mountpoint = await prepareMountpoint(request.path).catch(nameServer);
    const session = await compose(request, log);
    await yieldToOther(request.path, session);
    const forgetProcess = await noteProcess(request.path);
    const made = mountpoint;
    const cleanUp = async (): Promise<void> => {
      await forgetProcess();
      await removeUnlessWanted(made);
    };
    lock.release();
    return { session, cleanUp };
  } catch (error) {
    lock.release();
    if (mountpoint !== undefined) await removeUnlessWanted(mountpoint);
    throw error;
  }
}

/** The directory that we made stays if another process is about to mount there. */
async function removeUnlessWanted(mountpoint: Mountpoint): Promise<void> {
  const lock = await tryStartLock(mountpoint.path);
  if (lock === undefined) return;
  await removeMountpoint(mountpoint);
  lock.release();
}

/** Adds to the refusal of a mountpoint in use which process serves it, if that is known. */
async function nameServer(error: unknown): Promise<never> {
  const mount = error instanceof MountpointError ? error.mount : undefined;
  if (mount === undefined) throw error;
  throw await inUse(mount, error);
}

async function inUse(mount: Mount, cause?: unknown): Promise<MountpointError> {
  const server = await servingProcess(mount);
  const by = server === undefined ? '' : `, served by process ${server.pid}`;
  const found = `${mount.source} (${mount.fsType}) is mounted there${by}`;
  return new MountpointError('IN_USE', mount.mountpoint, `is in use: ${found}`, cause);
}

/** Ends a mount that covers another one: another user's process mounted there after we had found it free. */
async function yieldToOther(path: string, session: MountSession): Promise<void> {
  const own = await findOwnMount(path);
  const other = own && (await coversAnother(own));
  if (other === undefined) return;
  await session.unmount();
  await session.ended;
  throw await inUse(other);
}
