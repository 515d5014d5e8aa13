import { SourceError } from '../errors.js';

/** A visible ASCII character, or a byte above, or a space or tab between (RFC 9110, 5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether it can be sent as the value of a header. */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}

/**
 * A GET, or a POST of `json`, to be sent in Latin-1 (RFC 9112, 3). Throws INVALID_REQUEST for a header that cannot be
 * sent.
 */
export function formatRequest(url: URL, header: Readonly<Record<string, string>>, json?: string): string {
  let head = `${json === undefined ? 'GET' : 'POST'} ${url.pathname}${url.search} HTTP/1.1\r\n`;
  let hasHost = false;
  for (const name in header) {
    const value = header[name] ?? '';
    if (!FIELD_NAME.test(name) || !isFieldValue(value)) {
      throw new SourceError('INVALID_REQUEST', 'a header cannot be sent', url, { found: name });
    }
    hasHost ||= name.toLowerCase() === 'host';
    head += `${name}: ${value}\r\n`;
  }
  if (!hasHost) head += `host: ${url.host}\r\n`;
  if (json === undefined) return `${head}\r\n`;
  // Each byte of UTF-8 as a character of Latin-1.
  const content = Buffer.from(json).toString('latin1');
  return `${head}content-type: application/json\r\ncontent-length: ${content.length}\r\n\r\n${content}`;
}
