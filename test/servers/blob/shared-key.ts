import { createHmac } from 'node:crypto';

export interface BlobRequest {
  readonly method: string;
  /** As it came, without the query. */
  readonly rawPath: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly header: Readonly<Record<string, string>>;
}

const STANDARD = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
] as const;

/** "Authorize with Shared Key": the value of `Authorization` that a request must have. */
export function sharedKeyOf(request: BlobRequest, account: string, key: string): string {
  const { method, rawPath, query, header } = request;
  const own = Object.keys(header)
    .filter((name) => name.startsWith('x-ms-'))
    .toSorted();
  const names = [...new Set(query.keys())].toSorted();
  const text = [
    method,
    ...STANDARD.map((name) => valueOf(name, header)),
    ...own.map((name) => `${name}:${(header[name] ?? '').trim()}`),
    [
      `/${account}${rawPath}`,
      ...names.map((name) => `${name.toLowerCase()}:${query.getAll(name).toSorted().join(',')}`),
    ].join('\n'),
  ].join('\n');
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
  return `SharedKey ${account}:${signature}`;
}

function valueOf(name: string, header: Readonly<Record<string, string>>): string {
  if (name === 'date' && header['x-ms-date'] !== undefined) return '';
  if (name === 'content-length' && header[name] === '0') return '';
  return header[name] ?? '';
}
