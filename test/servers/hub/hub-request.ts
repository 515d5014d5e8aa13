import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Cdn } from './cdn.js';
import type { Repositories } from './repositories.js';

/** A request, with its path still encoded: a revision is one segment, in which `%2F` is no separator. */
export interface HubRequest {
  readonly method: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  /** Of Bearer, or of a cookie. */
  readonly token: string | undefined;
  readonly origin: string;
  readonly target: string;
  readonly range: string | undefined;
  readonly body: string;
}

/** What the hubs of one server have in common. */
export interface HubState {
  readonly repositories: Repositories;
  readonly cdn: Cdn;
  /** Who may read what is private, and gated. */
  readonly token: string;
  /** A valid token of an account that did not accept the terms of gated repositories. */
  readonly tokenWithoutTerms: string;
  pageSize: number;
}

export async function readHubRequest(message: IncomingMessage, prefix: string): Promise<HubRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const target = message.url ?? '/';
  const [path = '/', query = ''] = target.slice(prefix.length).split('?');
  const bearer = /^Bearer (.+)$/.exec(message.headers.authorization ?? '')?.[1];
  const cookie = /(?:^|; ?)m_session_id=([^;]+)/.exec(message.headers.cookie ?? '')?.[1];
  return {
    method: message.method ?? '',
    segments: path.split('/').filter((segment) => segment !== ''),
    query: new URLSearchParams(query),
    token: bearer ?? cookie,
    origin: `http://${message.headers.host}`,
    target,
    range: message.headers.range,
    body: Buffer.concat(chunks).toString(),
  };
}

export function decodePath(segments: readonly string[]): string {
  return segments.map((segment) => decodeURIComponent(segment)).join('/');
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(response.req.method === 'HEAD' ? undefined : JSON.stringify(value));
}
