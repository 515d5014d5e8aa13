import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';

import { sendBytes } from '../send-range.js';
import type { Dialect } from './dialects.js';
import type { StoredObject } from './objects.js';
import type { BucketRequest } from './request.js';

/** Sends an object, or a range of it. */
export function sendObject(
  response: ServerResponse,
  { header }: BucketRequest,
  dialect: Dialect,
  object: StoredObject,
  partStatus: number,
): void {
  const isGoogle = dialect.headerPrefix === 'x-goog-';
  // Google decompresses for who does not accept gzip, and then has no ranges.
  const isTranscoded =
    isGoogle && object.contentEncoding === 'gzip' && !/gzip/.test(header['accept-encoding'] ?? '');
  const fields: Record<string, string> = {
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    etag: object.etag,
    'last-modified': new Date(object.lastModifiedMs).toUTCString(),
    ...(isGoogle ? googleFields(object) : { [`${dialect.headerPrefix}version-id`]: object.versionId }),
    // Of whole objects only.
    ...(header['x-amz-checksum-mode'] === 'ENABLED' && header['range'] === undefined ? checksum(object) : {}),
    ...object.header,
  };
  if (object.contentEncoding !== undefined && !isTranscoded) {
    fields['content-encoding'] = object.contentEncoding;
  }
  for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
  if (isUnchanged(header, object)) response.writeHead(304).end();
  else if (isTranscoded) response.end(gunzipSync(object.bytes));
  else sendBytes(response, header['range'], object.bytes, partStatus);
}

function googleFields({ versionId, bytes }: StoredObject): Record<string, string> {
  return {
    'x-goog-generation': versionId,
    'x-goog-hash': `md5=${createHash('md5').update(bytes).digest('base64')}`,
    'x-goog-stored-content-length': String(bytes.byteLength),
  };
}

function checksum({ bytes }: StoredObject): Record<string, string> {
  return {
    'x-amz-checksum-sha256': createHash('sha256').update(bytes).digest('base64'),
    'x-amz-checksum-type': 'FULL_OBJECT',
  };
}

function isUnchanged(header: Readonly<Record<string, string>>, object: StoredObject): boolean {
  const ifNoneMatch = header['if-none-match'];
  if (ifNoneMatch !== undefined) return ifNoneMatch === object.etag;
  return (
    Date.parse(header['if-modified-since'] ?? '') >= object.lastModifiedMs - (object.lastModifiedMs % 1000)
  );
}
