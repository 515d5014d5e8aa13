import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { DfdaemonError } from './failure.js';

/** A request for content, as dfdaemon's proxy reads it. */
export interface TaskRequest {
  readonly taskId: string;
  readonly url: string;
  /** For the origin: all but `Host` and `Range`. */
  readonly header: IncomingHttpHeaders;
  readonly range: string | undefined;
  /** The whole resource is wanted in the background. */
  readonly prefetches: boolean;
}

/** Signatures of object stores, which are no part of an id. Azure's are not among them. */
const FILTERED_PARAMETERS =
  'X-Amz-Algorithm,X-Amz-Credential,X-Amz-Date,X-Amz-Expires,X-Amz-SignedHeaders,X-Amz-Signature,X-Amz-Security-Token,' +
  'X-Amz-User-Agent,X-Goog-Algorithm,X-Goog-Credential,X-Goog-Date,X-Goog-Expires,X-Goog-SignedHeaders,X-Goog-Signature,' +
  'OSSAccessKeyId,Expires,Signature,SecurityToken,AccessKeyId,q-sign-algorithm,q-ak,q-sign-time,q-key-time,q-header-list,' +
  'q-url-param-list,q-signature,x-cos-security-token,ns';

/** Undefined for a request that the proxy hands to the origin as it is: all but a GET that asks for P2P. */
export function readTaskRequest({ method, url = '', headers }: IncomingMessage): TaskRequest | undefined {
  if (method !== 'GET' || headers['x-dragonfly-use-p2p'] !== 'true') return undefined;
  const { host: _, range, ...header } = headers;
  return {
    taskId: taskIdOf(url, headers),
    url,
    header,
    range,
    prefetches: range !== undefined && headers['x-dragonfly-prefetch'] === 'true',
  };
}

/** `bytes=0-99`, `bytes=100-` or `bytes=-100`. */
export function parseRange(field: string, totalBytes: number): [number, number] {
  const match = /^bytes=(\d*)-(\d*)$/.exec(field);
  const [, first = '', last = ''] = match ?? [];
  const start = first === '' ? Math.max(0, totalBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? totalBytes : Math.min(totalBytes, Number(last) + 1);
  if (match === null || start >= end) throw new DfdaemonError(500);
  return [start, end];
}

function taskIdOf(url: string, header: IncomingHttpHeaders): string {
  const field = (name: string): string => String(header[`x-dragonfly-${name}`] ?? '');
  const content = field('content-for-calculating-task-id');
  if (content !== '') return sha256(content);
  const filtered = new Set((field('filtered-query-params') || FILTERED_PARAMETERS).split(','));
  const { origin, pathname, searchParams } = new URL(url);
  const query = [...searchParams].filter(([name]) => !filtered.has(name));
  const identity = [origin + pathname, query, field('tag'), field('application'), field('piece-length')];
  return sha256(JSON.stringify(identity));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
