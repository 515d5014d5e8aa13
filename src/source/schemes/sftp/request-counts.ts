import type { HostActivity, RequestRoute, RouteActivity } from '../../request-activity.js';
import { STATUS } from './packet.js';
import { failureOf } from './sftp-failure.js';

/** Those that servers send. */
const NAMES = new Map<number, string>(
  Object.entries(STATUS)
    .filter(([, status]) => status !== STATUS.NO_CONNECTION && status !== STATUS.CONNECTION_LOST)
    .map(([name, status]) => [status, name.toLowerCase()]),
);

/** The requests of a session, counted as those of its host. */
export class RequestCounts {
  readonly #activity: HostActivity;
  readonly #url: URL;
  readonly #route: RouteActivity;

  constructor(activity: HostActivity, url: URL, route: RequestRoute) {
    this.#activity = activity;
    this.#url = url;
    this.#route = activity.by(route);
  }

  /** A reply came: with this status, or with what was asked for. */
  noteReply(status: number = STATUS.OK): void {
    this.#activity.noteAnswer(NAMES.get(status) ?? 'other');
  }

  noteFailure(error: unknown): void {
    countFailure(this.#activity, error, this.#url);
  }

  noteContent(bytes: number): void {
    this.#route.receivedBytes += bytes;
  }
}

/** Of a request, or of an attempt to have a session. */
export function countFailure(activity: HostActivity, error: unknown, url: URL): void {
  const { code, message, found } = failureOf(error, url);
  activity.noteFailure(code, found === undefined ? message : `${message} (${found})`);
}
