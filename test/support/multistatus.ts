/** Answers to PROPFIND, as servers write them. */
import type { Asked, Reply } from './answering-server.js';

export const DATE = 'Mon, 02 Mar 2026 04:05:06 GMT';
export const DATE_MS = Date.UTC(2026, 2, 2, 4, 5, 6);

/** `properties`: XML, in the prefix `D`. */
export function row(href: string, properties: string, status = 'HTTP/1.1 200 OK'): string {
  return `<D:response><D:href>${href}</D:href><D:propstat><D:prop>${properties}</D:prop><D:status>${status}</D:status></D:propstat></D:response>`;
}

export const COLLECTION = '<D:resourcetype><D:collection/></D:resourcetype>';

export function fileProperties(size: number, etag = ''): string {
  return `<D:resourcetype/><D:getcontentlength>${size}</D:getcontentlength><D:getlastmodified>${DATE}</D:getlastmodified><D:getetag>${etag}</D:getetag>`;
}

export function multistatus(...rows: readonly string[]): Reply {
  return {
    status: 207,
    body: `<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">${rows.join('\n')}</D:multistatus>`,
  };
}

export interface ServedFile {
  readonly content: string;
  /** Of GET. */
  readonly etag?: string;
  /** Of PROPFIND, if it is another. */
  readonly listedEtag?: string;
  readonly listedSize?: number;
}

/** A server with a directory `/d/` of these files. It knows ranges and If-Match, and lists itself first. */
export function serveFiles(files: Readonly<Record<string, ServedFile>>): (asked: Asked) => Reply {
  const own = (name: string): string => {
    const { content = '', etag = '', listedEtag = etag, listedSize = content.length } = files[name] ?? {};
    return row(`/d/${name}`, fileProperties(listedSize, listedEtag));
  };
  return ({ method, target, header }) => {
    const name = target.slice('/d/'.length);
    if (method === 'PROPFIND') {
      if (target === '/d/' || target === '/d') {
        const below = header['depth'] === '1' ? Object.keys(files).map(own) : [];
        return multistatus(row('/d/', COLLECTION), ...below);
      }
      return name in files ? multistatus(own(name)) : { status: 404, body: '' };
    }
    const file = files[name];
    if (file === undefined) return { status: 404, body: '' };
    const { content, etag = '' } = file;
    if (header['if-match'] !== undefined && header['if-match'] !== etag) return { status: 412, body: '' };
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(header.range ?? '') ?? [];
    const body = content.slice(Number(first), Number(last) + 1);
    const validators = { 'last-modified': DATE, ...(etag !== '' && { etag }) };
    if (header.range === undefined) return { header: validators, body: content };
    const range = `bytes ${first}-${Number(first) + body.length - 1}/${content.length}`;
    return { status: 206, header: { ...validators, 'content-range': range }, body };
  };
}
