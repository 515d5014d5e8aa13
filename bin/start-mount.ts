import type { Logger } from 'pino';

import { coversAnother, findMount, findOwnMount, FS_TYPE, type Mount } from '../src/mount/mount-table.js';
import {
  type Mountpoint,
  MountpointError,
  prepareMountpoint,
  removeMountpoint,
} from '../src/mount/mountpoint.js';
import type { MountSession } from '../src/mount/transport.js';
import { abortKilled } from './abort-killed.js';
import { recordProcess, servingProcess } from './serving-process.js';
import { type StartLock, tryStartLock } from './start-lock.js';
import type { MountRequest } from './config/mount-request.js';
import { wasCreated } from './continue-mount.js';

/** A mount whose process other processes of the user can find. */
export interface StartedMount<Session extends MountSession> {
  readonly session: Session;
  /** To be called when the session has ended: leaves nothing behind. */
  cleanUp(): Promise<void>;
  /** Instead of it, when another process goes on. */
  leave(): Promise<void>;
}

/**
 * Mounts while it holds the lock, and releases it. The path of the request is canonical. A start that fails leaves no mount.
 */
export async function startMount<Session extends MountSession>(
  request: MountRequest,
  lock: StartLock,
  log: Logger,
  mount: (request: MountRequest, log: Logger) => Promise<Session>,
): Promise<StartedMount<Session>> {
  let [mountpoint, session]: [Mountpoint?, Session?] = [];
  const { continuation, path } = request;
  const isResumed = continuation?.resumed !== undefined;
  try {
    const isMounted = request.descriptor !== undefined;
    if (isResumed) mountpoint = { path, wasCreated: wasCreated(continuation) };
    else if (!isMounted) {
      const found = await findMount(path);
      if (found?.fsType === FS_TYPE) await abortKilled(found);
      mountpoint = await prepareMountpoint(path).catch(nameServer);
    }
    session = await mount(withMountpoint(request, mountpoint), log);
    if (!isMounted && !isResumed) await refuseCovered(path);
    const removeRecord = await recordProcess(request.path, {
      roots: request.configuration.current.options.root,
      isStored: continuation?.isStored === true && session.handOver !== undefined,
    });
    lock.release();
    const made = mountpoint;
    const cleanUp = async (): Promise<void> => {
      await removeRecord();
      if (made !== undefined) await removeUnlessLocked(made);
    };
    return { session, cleanUp, leave: removeRecord };
  } catch (error) {
    // The next process may go on with it.
    if (isResumed) throw error;
    if (session !== undefined) await end(session, log);
    lock.release();
    if (mountpoint !== undefined) await removeUnlessLocked(mountpoint);
    throw error;
  }
}

/** The process that goes on with the mount removes the directory, too. */
function withMountpoint(request: MountRequest, mountpoint: Mountpoint | undefined): MountRequest {
  const { continuation } = request;
  if (continuation === undefined || mountpoint === undefined) return request;
  const facts = { ...continuation.facts, wasCreated: mountpoint.wasCreated };
  return { ...request, continuation: { ...continuation, facts } };
}

async function end(session: MountSession, log: Logger): Promise<void> {
  try {
    await session.unmount();
    await session.ended;
  } catch (error) {
    log.error({ err: error }, 'cannot unmount');
  }
}

/** Keeps the directory that we made if another process is starting to mount there. */
async function removeUnlessLocked(mountpoint: Mountpoint): Promise<void> {
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

/** Rejects if the mount covers another one: another user's process mounted there after we had found it free. */
async function refuseCovered(path: string): Promise<void> {
  const own = await findOwnMount(path);
  const other = own && (await coversAnother(own));
  if (other !== undefined) throw await inUse(other);
}
