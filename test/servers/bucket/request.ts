import type { IncomingMessage } from 'node:http';

/** A request as the servers of buckets see it, decoded. */
export interface BucketRequest {
  readonly method: string;
  /** As it came, without the query. */
  readonly rawPath: string;
  readonly query: readonly (readonly [string, string])[];
  /** Names in lower case. */
  readonly header: Readonly<Record<string, string>>;
  /** Empty: the request is for the service. */
  readonly bucket: string;
  /** Empty: the request is for the bucket. */
  readonly key: string;
  readonly isPathStyle: boolean;
}

/** The bucket is in front of the endpoint's name. */
const VIRTUAL_HOST = /^(?<bucket>.+?)\.(?:(?:s3|oss|obs|cos|storage)[.-].*|s3|localhost|test)(?::\d+)?$/;

/** Whoever asks by the absolute form takes the server for a forward proxy, and has its choice of host names. */
export function readRequest(message: IncomingMessage): BucketRequest {
  const target = message.url ?? '/';
  const absolute = /^http:\/\/(?<authority>[^/]+)(?<rest>\/.*)?$/.exec(target)?.groups;
  const host = absolute?.['authority'] ?? message.headers.host ?? '';
  const [rawPath = '/', ...queryParts] = (absolute === undefined ? target : (absolute['rest'] ?? '/')).split(
    '?',
  );
  const virtual = VIRTUAL_HOST.exec(host)?.groups?.['bucket'];
  const [first = '', ...rest] = rawPath.slice(1).split('/');
  return {
    method: message.method ?? '',
    rawPath,
    query: readQuery(queryParts.join('?')),
    header: { ...(message.headers as Record<string, string>), host },
    bucket: virtual ?? decodeURIComponent(first),
    key: decodeURIComponent(virtual === undefined ? rest.join('/') : rawPath.slice(1)),
    isPathStyle: virtual === undefined,
  };
}

function readQuery(text: string): [string, string][] {
  if (text === '') return [];
  return text.split('&').map((part) => {
    const [name = '', ...value] = part.split('=');
    return [decodeURIComponent(name), decodeURIComponent(value.join('='))];
  });
}
