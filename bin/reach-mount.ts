/** Finds the mount that a command is about, and the process that serves it. Nothing here touches the mount. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { callControl, NoAnswerError, streamControl } from '../src/control/control-client.js';
import { findMount, FS_TYPE, type Mount, readMounts } from '../src/mount/mount-table.js';
import { canonicalPath } from '../src/mount/mountpoint.js';
import { CommandFailure, EXIT } from './command-failure.js';
import {
  controlSocket,
  hasEndedServer,
  isKept,
  type ProcessIdentity,
  servingProcess,
} from './serving-process.js';

/** For an answer that takes no work. */
export const ANSWER_LIMIT_MS = 1_000;
const RETRY_MS = 50;

export interface ReachedMount {
  readonly mount: Mount;
  readonly server: ProcessIdentity;
}

/** Mounts of this user; of others, where this user has none, which only root can operate. */
export async function mountsOfUser(): Promise<Mount[]> {
  const uid = process.getuid?.();
  const ours = (await readMounts()).filter(({ fsType }) => fsType === FS_TYPE);
  const own = ours.filter(({ userId }) => userId === uid);
  // Of those that cover one another only the topmost is there.
  const byPath = new Map((own.length > 0 ? own : ours).map((mount) => [mount.mountpoint, mount]));
  return [...byPath.values()];
}

/** The mount at a path, or the only one there is. */
export async function reachMount(given: string | undefined): Promise<ReachedMount> {
  const mount = given === undefined ? await onlyMount() : await mountAt(given);
  const server = await servingProcess(mount);
  if (server !== undefined) return { mount, server };
  const { mountpoint, userId } = mount;
  if (userId !== undefined && userId !== process.getuid?.()) {
    throw new CommandFailure(
      EXIT.permission,
      `${mountpoint} is a mount of user ${userId}, who alone can operate it`,
    );
  }
  const hasEnded = await hasEndedServer(mount);
  if (hasEnded && (await isKept(mount)))
    throw new CommandFailure(
      EXIT.unhealthy,
      `${mountpoint} is restarting: another process is about to go on with it`,
    );
  throw hasEnded
    ? new CommandFailure(
        EXIT.notRunning,
        `the process that served ${mountpoint} has ended; 'd7y-mount unmount ${mountpoint}' removes what it left`,
      )
    : new CommandFailure(
        EXIT.notRunning,
        `the process that serves ${mountpoint} cannot be found: it may be in a container`,
      );
}

async function mountAt(given: string): Promise<Mount> {
  const path = await canonicalPath(given);
  const mount = await findMount(path);
  if (mount?.fsType === FS_TYPE) return mount;
  const found = mount === undefined ? 'nothing is mounted there' : `a ${mount.fsType} is mounted there`;
  throw new CommandFailure(EXIT.notRunning, `${path} is no mount of d7y-mount: ${found}`);
}

async function onlyMount(): Promise<Mount> {
  const [first, ...others] = await mountsOfUser();
  if (first === undefined) throw new CommandFailure(EXIT.notRunning, 'there is no mount of d7y-mount');
  if (others.length === 0) return first;
  const names = [first, ...others].map(({ mountpoint }) => mountpoint).join(', ');
  throw new CommandFailure(
    EXIT.usage,
    `there are several mounts; say which, as an argument or by --mountpoint: ${names}`,
  );
}

/** Calls the process that serves a mount, and resolves to its answer. */
export async function call(
  { mount, server }: ReachedMount,
  method: 'GET' | 'POST',
  path: string,
  { body, limitMs = ANSWER_LIMIT_MS }: { readonly body?: object; readonly limitMs?: number } = {},
): Promise<{ readonly status: number; readonly value: unknown }> {
  const { status, text } = await answered(mount, server, async (socket) =>
    callControl(socket, method, path, { limitMs, ...(body === undefined ? {} : { body }) }),
  );
  const value = parsed(text);
  if (status < 400 || path.startsWith('/livez') || path.startsWith('/readyz')) return { status, value };
  throw refusal(value, status);
}

/** Sends lines of JSON to the process, and hands on the lines of its answer as they come. Ends with the signal. */
export async function callForLines(
  reached: ReachedMount,
  path: string,
  lines: AsyncIterable<object>,
  onLine: (line: object) => void,
  signal: AbortSignal,
): Promise<void> {
  const { mount, server } = reached;
  const { status } = await call(reached, 'GET', '/readyz');
  if (status !== 200) throw new CommandFailure(EXIT.unhealthy, `${mount.mountpoint} is not ready`);
  const refused = await answered(mount, server, (socket) =>
    streamControl(socket, path, lines, onLine, signal),
  );
  if (refused !== undefined) throw refusal(parsed(refused.text), refused.status);
}

/** The process makes its socket a moment after its mount. */
async function answered<Answer>(
  mount: Mount,
  server: ProcessIdentity,
  send: (socket: string) => Promise<Answer>,
): Promise<Answer> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      return await send(controlSocket(mount, server));
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      if (error.code !== 'ENOENT' || waitedMs >= ANSWER_LIMIT_MS) throw noAnswer(mount, server, error);
      await sleep(RETRY_MS);
    }
  }
}

function noAnswer({ mountpoint }: Mount, { pid }: ProcessIdentity, error: NoAnswerError): CommandFailure {
  const process = `process ${pid}, which serves ${mountpoint},`;
  switch (error.code) {
    case 'TIMEOUT':
      return new CommandFailure(EXIT.unhealthy, `${process} does not answer`, error);
    case 'EACCES':
    case 'EPERM':
      return new CommandFailure(EXIT.permission, `${process} is another user's`, error);
    case 'ENOENT':
      return new CommandFailure(EXIT.notRunning, `${process} has no control socket; its log says why`, error);
    default:
      return new CommandFailure(EXIT.notRunning, `${process} cannot be reached (${error.code})`, error);
  }
}

/** By the code of a refusal. */
const EXIT_OF: Readonly<Record<string, number>> = {
  CONFIGURATION: EXIT.config,
  BAD_REQUEST: EXIT.usage,
  NOT_READY: EXIT.unhealthy,
};

function refusal(value: unknown, status: number): CommandFailure {
  const { error } = (value ?? {}) as {
    error?: { readonly code?: string; readonly message?: string; readonly hint?: string };
  };
  const message = [error?.message ?? `status ${status}`, error?.hint].filter(Boolean).join('\n');
  return new CommandFailure(EXIT_OF[error?.code ?? ''] ?? EXIT.failure, message);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
