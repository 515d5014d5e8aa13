/** An I/O thread: connections, of which the main thread decides everything. */
import { parentPort } from 'node:worker_threads';

import { ServedConnection } from './served-connection.js';
import type { IoReport, IoRequest } from './io-messages.js';
import { SocketOpener } from './connect.js';

const connections = new Map<number, ServedConnection>();
/** By the authority that they trust; there is one, or none. */
const openers = new Map<string | undefined, SocketOpener>();
/** Those with something to report. */
const active = new Set<ServedConnection>();
/** How long more of a body may wait to be reported: with TLS each turn brings little of it. */
const PROGRESS_MS = 1;
let immediate: NodeJS.Immediate | undefined;
let timer: NodeJS.Timeout | undefined;

function openerFor(ca: string | undefined): SocketOpener {
  const known = openers.get(ca) ?? new SocketOpener(ca);
  openers.set(ca, known);
  return known;
}

function onActive(connection: ServedConnection, isDue: boolean): void {
  active.add(connection);
  if (isDue) immediate ??= setImmediate(report);
  else timer ??= setTimeout(report, PROGRESS_MS);
}

/** All reports are one message. */
function report(): void {
  clearImmediate(immediate);
  clearTimeout(timer);
  immediate = timer = undefined;
  const reports: IoReport[] = [...active].flatMap((connection) => connection.takeReport());
  active.clear();
  for (const { id, isClosed } of reports) if (isClosed === true) connections.delete(id);
  if (reports.length > 0) parentPort?.postMessage(reports, []);
}

function serve(request: IoRequest): void {
  const { id } = request;
  if (request.kind === 'open') {
    const { plan, timeoutMs } = request;
    const connection = new ServedConnection(id, plan, timeoutMs, openerFor(plan.ca), onActive);
    connections.set(id, connection);
    connection.send(request.exchange, request.text);
    return;
  }
  // One that is gone was reported to be.
  const connection = connections.get(id);
  switch (request.kind) {
    case 'send':
      connection?.send(request.exchange, request.text);
      break;
    case 'read':
      connection?.read(request);
      break;
    case 'abandon':
      connection?.abandon();
      break;
    case 'destroy':
      connection?.destroy();
  }
}

parentPort?.on('message', serve);
parentPort?.postMessage('ready', []);
