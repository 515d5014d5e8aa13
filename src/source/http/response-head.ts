/**
 * Parses the head of an HTTP/1.x response, strictly (RFC 9112, 2 to 6): where two readings are possible, as
 * with two lengths, the response is refused, because a wrong guess would shift bytes.
 */

import { HeaderFields } from './header-fields.js';

/** The response is no HTTP/1.x, or contradicts itself. */
export class MalformedResponse extends Error {
  override readonly name = 'MalformedResponse';
}

/** How a body ends: after so many bytes, with its last chunk, or with the connection (RFC 9112, 6.3). */
export type Framing = number | 'chunked' | 'close';

export interface ResponseHead {
  readonly status: number;
  readonly header: HeaderFields;
  readonly framing: Framing;
  /** Whether the server lets the connection be used again. */
  readonly keepsAlive: boolean;
}

const CONTENT_LENGTH = /^\d{1,15}$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/;
/** Of a line around its value: its name, and spaces. */
const MAX_PADDING_CHARS = 128;
/** A token (RFC 9110, 5.1). The value is cut off by hand: a pattern takes a time that grows with the square of its spaces. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Parses the lines of a head, without the empty one that ends it. */
export function parseResponseHead(lines: readonly string[]): ResponseHead {
  const [statusLine = '', ...fieldLines] = lines;
  const match = STATUS_LINE.exec(statusLine);
  if (match === null) throw new MalformedResponse(`a status line ${quote(statusLine)}`);
  const status = Number(match[2]);
  const header = parseFields(fieldLines);
  const isOld = match[1] === '0';
  const framing = framingOf(status, header, isOld);
  return { status, header, framing, keepsAlive: framing !== 'close' && keepsAlive(header, isOld) };
}

function parseFields(lines: readonly string[]): HeaderFields {
  const header = new HeaderFields();
  for (const line of unfold(lines)) {
    const name = line.slice(0, Math.max(0, line.indexOf(':')));
    if (!FIELD_NAME.test(name) || line.includes('\0')) {
      throw new MalformedResponse(`a header line ${quote(line)}`);
    }
    header.append(name, withoutSpaces(line, name.length + 1));
  }
  return header;
}

/** The rest of a line from `start` on, without the spaces and tabs around it (RFC 9110, 5.5). */
function withoutSpaces(line: string, start: number): string {
  let [first, end] = [start, line.length];
  while (first < end && isSpace(line.charCodeAt(first))) first += 1;
  while (first < end && isSpace(line.charCodeAt(end - 1))) end -= 1;
  // A part of a string keeps all of it in memory, and some values are kept for long.
  return line.length - (end - first) > MAX_PADDING_CHARS
    ? copyOf(line.slice(first, end))
    : line.slice(first, end);
}

function copyOf(value: string): string {
  return Buffer.from(value, 'latin1').toString('latin1');
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Obsolete line folding: a line that begins with a space goes on with the one before (RFC 9112, 5.2). */
function unfold(lines: readonly string[]): readonly string[] {
  if (!lines.some((line) => /^[ \t]/.test(line))) return lines;
  const unfolded: string[] = [];
  for (const line of lines) {
    if (/^[ \t]/.test(line)) unfolded.push(`${unfolded.pop() ?? ''} ${line.trim()}`);
    else unfolded.push(line);
  }
  return unfolded;
}

function framingOf(status: number, header: HeaderFields, isOld: boolean): Framing {
  const coding = header.get('transfer-encoding');
  const length = header.get('content-length');
  if (coding !== null) {
    if (length !== null) throw new MalformedResponse('both a Content-Length and a Transfer-Encoding');
    // Another coding would hand out bytes that are not the resource's.
    if (isOld || coding.toLowerCase() !== 'chunked')
      throw new MalformedResponse(`Transfer-Encoding: ${coding}`);
  }
  const lengthBytes = length === null ? undefined : parseContentLength(length, header);
  if (status < 200 || status === 204 || status === 304) return 0;
  return coding === null ? (lengthBytes ?? 'close') : 'chunked';
}

/** Lengths that are repeated and the same count as one (RFC 9110, 8.6). */
function parseContentLength(value: string, header: HeaderFields): number {
  if (CONTENT_LENGTH.test(value)) return Number(value);
  const lengths = new Set(value.split(',').map((one) => one.trim()));
  const [length = ''] = lengths;
  if (lengths.size > 1 || !CONTENT_LENGTH.test(length))
    throw new MalformedResponse(`Content-Length: ${value}`);
  header.set('content-length', length);
  return Number(length);
}

/** RFC 9112, 9.3. */
function keepsAlive(header: HeaderFields, isOld: boolean): boolean {
  const connection = header.get('connection')?.toLowerCase() ?? '';
  if (connection === '' || connection === 'keep-alive') return !isOld || connection !== '';
  const options = new Set(connection.split(',').map((option) => option.trim()));
  return !options.has('close') && (!isOld || options.has('keep-alive'));
}

function quote(line: string): string {
  return JSON.stringify(line.length > 100 ? `${line.slice(0, 100)}…` : line);
}
