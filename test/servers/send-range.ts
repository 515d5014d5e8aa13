import type { ServerResponse } from 'node:http';

/** The bytes that a `Range` asks for. Undefined: all of them; 'unsatisfiable': none. */
export function rangeOf(
  range: string | undefined,
  length: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? length : Math.min(length, Number(last) + 1);
  return start < end ? { start, end } : 'unsatisfiable';
}

/** 200 with all of `bytes`, 206 (or `partStatus`) with a range of them, or 416. */
export function sendBytes(
  response: ServerResponse,
  range: string | undefined,
  bytes: Buffer,
  partStatus = 206,
): void {
  const asked = rangeOf(range, bytes.byteLength);
  if (asked === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${bytes.byteLength}`, 'content-length': 0 }).end();
    return;
  }
  const { start, end } = asked ?? { start: 0, end: bytes.byteLength };
  if (asked !== undefined) {
    response.setHeader('content-range', `bytes ${start}-${end - 1}/${bytes.byteLength}`);
  }
  response.writeHead(asked === undefined ? 200 : partStatus, { 'content-length': end - start });
  response.end(response.req.method === 'HEAD' ? undefined : bytes.subarray(start, end));
}
