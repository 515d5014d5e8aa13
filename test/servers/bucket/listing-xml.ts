import type { ListPage, ListQuery } from './objects.js';

export interface ListingFormat {
  readonly bucket: string;
  readonly version: 1 | 2;
  /** Names are encoded as in a form: a space is `+`. */
  readonly urlEncoded: boolean;
  /** The continuation token or the marker of the request, as it came. */
  readonly token: string | undefined;
}

/** What lists objects, as in "ListObjectsV2" and "ListObjects" of the Amazon S3 API Reference. */
export function listingXml(page: ListPage, query: ListQuery, format: ListingFormat): string {
  const name = (text: string): string => escapeXml(format.urlEncoded ? formEncode(text) : text);
  const contents = page.objects.map(({ key, object }) => {
    const { etag, lastModifiedMs, bytes, isArchived } = object;
    return (
      `<Contents><Key>${name(key)}</Key><LastModified>${new Date(lastModifiedMs).toISOString()}</LastModified>` +
      `<ETag>${escapeXml(etag)}</ETag><Size>${bytes.byteLength}</Size>` +
      `<StorageClass>${isArchived === true ? 'GLACIER' : 'STANDARD'}</StorageClass></Contents>`
    );
  });
  const prefixes = page.prefixes.map(
    (prefix) => `<CommonPrefixes><Prefix>${name(prefix)}</Prefix></CommonPrefixes>`,
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
    `<Name>${format.bucket}</Name><Prefix>${name(query.prefix)}</Prefix>`,
    format.version === 2 ? tokens(page, format) : markers(page, query, format, name),
    `<MaxKeys>${query.maxKeys}</MaxKeys>`,
    query.delimiter === '' ? '' : `<Delimiter>${name(query.delimiter)}</Delimiter>`,
    format.urlEncoded ? '<EncodingType>url</EncodingType>' : '',
    `<IsTruncated>${page.next !== undefined}</IsTruncated>`,
    ...contents,
    ...prefixes,
    '</ListBucketResult>',
  ].join('');
}

/** A token is opaque. */
export function tokenOf(name: string): string {
  return Buffer.from(`after:${name}`).toString('base64');
}

export function nameOfToken(token: string): string | undefined {
  const text = Buffer.from(token, 'base64').toString();
  return text.startsWith('after:') ? text.slice('after:'.length) : undefined;
}

function tokens(page: ListPage, { token }: ListingFormat): string {
  return [
    `<KeyCount>${page.objects.length + page.prefixes.length}</KeyCount>`,
    token === undefined ? '' : `<ContinuationToken>${token}</ContinuationToken>`,
    page.next === undefined ? '' : `<NextContinuationToken>${tokenOf(page.next)}</NextContinuationToken>`,
  ].join('');
}

/** S3 names the next marker only where there is a delimiter; without, it is the last key. */
function markers(
  page: ListPage,
  query: ListQuery,
  { token }: ListingFormat,
  name: (text: string) => string,
): string {
  const next =
    page.next === undefined || query.delimiter === '' ? '' : `<NextMarker>${name(page.next)}</NextMarker>`;
  return `<Marker>${name(token ?? '')}</Marker>${next}`;
}

function formEncode(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+').replaceAll('%2F', '/');
}

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(CONTROL, (character) => `&#x${character.charCodeAt(0).toString(16)};`);
}

/** XML 1.0 has no such characters, not even as references: S3 sends them all the same. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f]/g;
