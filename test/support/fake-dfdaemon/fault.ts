import { randomBytes } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';

/** What is wrong with a dfdaemon's answers to requests for content. Without any of the wishes they are right. */
export interface DfdaemonFault {
  /** How many requests it meets. Default: all. */
  readonly times?: number;
  /** The connection is reset before an answer. */
  readonly resets?: boolean;
  /** There is no answer, and the connection stays. */
  readonly hangs?: boolean;
  /** Instead of content: a head, without a body. */
  readonly answer?: { readonly status: number; readonly header: OutgoingHttpHeaders };
  /** Fields, in lower case, in place of those that the origin sent. */
  readonly header?: OutgoingHttpHeaders;
  /** The content that is sent, made of the right one. `Content-Length` is its length. */
  readonly content?: (right: Buffer) => Buffer;
  /** The connection is closed after so many bytes of the body. */
  readonly cutAfterBytes?: number;
  /** After so many bytes of the body nothing more comes, and the connection stays. */
  readonly stallAfterBytes?: number;
  readonly bytesPerSecond?: number;
}

const MiB = 1024 * 1024;
const errorOf = (status: number, type: string, header: OutgoingHttpHeaders = {}): DfdaemonFault => ({
  answer: { status, header: { ...header, 'x-dragonfly-error-type': type } },
});

/** A fault for each way in which dfdaemon fails. Refused connections are `FakeDfdaemon.kill`. */
export const DFDAEMON_FAULTS = {
  rateLimited: errorOf(429, 'proxy'),
  unauthorized: errorOf(401, 'proxy'),
  badRequest: errorOf(400, 'proxy'),
  blocked: errorOf(403, 'proxy'),
  schedulerFails: errorOf(500, 'dfdaemon'),
  /** 500 until dfdaemon 1.5.9. */
  diskFull: errorOf(507, 'dfdaemon'),
  lengthUnknown: errorOf(422, 'dfdaemon'),
  originUnreachable: errorOf(500, 'backend'),
  originUnavailable: errorOf(503, 'backend', { 'retry-after': '1' }),
  originMissing: errorOf(404, 'backend'),
  versionChanged: errorOf(412, 'backend'),
  /** The origin ignored the range of a later piece. Before dfdaemon 1.5.10 with its length, which the body has not. */
  rangeIgnored: errorOf(200, 'backend', { 'content-length': 20 * MiB, etag: '"of-the-origin"' }),
  badGateway: { answer: { status: 502, header: {} } },
  resets: { resets: true },
  neverAnswers: { hangs: true },
  cutAtOnce: { cutAfterBytes: 0 },
  cutMidBody: { cutAfterBytes: 6 * MiB + 1 },
  stallsAtOnce: { stallAfterBytes: 0 },
  stallsMidBody: { stallAfterBytes: 6 * MiB + 1 },
  wrongByte: { content: (right) => withWrongByte(right, right.byteLength >> 1) },
  tooShort: { content: (right) => right.subarray(0, -1) },
  tooLong: { content: (right) => Buffer.concat([right, Buffer.alloc(1)]) },
  otherTag: { header: { etag: '"of-another-version"' } },
  oldVersion: {
    content: (right) => randomBytes(right.byteLength),
    header: { etag: '"of-another-version"', 'last-modified': 'Thu, 01 Jan 2015 00:00:00 GMT' },
  },
  slow: { bytesPerSecond: 256 * 1024 },
} satisfies Record<string, DfdaemonFault>;

function withWrongByte(right: Buffer, at: number): Buffer {
  const wrong = Buffer.from(right);
  wrong.writeUInt8((wrong[at] ?? 0) ^ 0xff, at);
  return wrong;
}
