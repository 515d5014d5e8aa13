import { SourceError } from '../errors.js';

/** A visible ASCII character, or a byte above, or a space or tab between (RFC 9110, 5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Of a method, or the name of a header (RFC 9110, 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether it can be sent as the value of a header. */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}

/** A request as it is sent, without its body. */
export interface RequestHead {
  readonly method: string;
  readonly url: URL;
  readonly header: Readonly<Record<string, string>>;
}

export interface RequestBody {
  readonly type: string;
  readonly text: string;
}

/**
 * A request to be sent in Latin-1 (RFC 9112, 3); `isForProxy`: in absolute form. Throws INVALID_REQUEST for a method or a
 * header that cannot be sent.
 */
export function formatRequest(
  { method, url, header }: RequestHead,
  body?: RequestBody,
  isForProxy = false,
): string {
  if (!TOKEN.test(method)) throw invalid('a method', method, url);
  let head = `${method} ${isForProxy ? url.origin : ''}${url.pathname}${url.search} HTTP/1.1\r\n`;
  let hasHost = false;
  for (const name in header) {
    const value = header[name] ?? '';
    if (!TOKEN.test(name) || !isFieldValue(value)) {
      throw invalid('a header', name, url);
    }
    hasHost ||= name.toLowerCase() === 'host';
    head += `${name}: ${value}\r\n`;
  }
  if (!hasHost) head += `host: ${url.host}\r\n`;
  if (body === undefined) return `${head}\r\n`;
  // Each byte of UTF-8 as a character of Latin-1.
  const content = Buffer.from(body.text).toString('latin1');
  return `${head}content-type: ${body.type}\r\ncontent-length: ${content.length}\r\n\r\n${content}`;
}

/** The query may be signed. */
function invalid(what: string, found: string, { origin, pathname }: URL): SourceError {
  return new SourceError('INVALID_REQUEST', `${what} cannot be sent`, `${origin}${pathname}`, { found });
}
