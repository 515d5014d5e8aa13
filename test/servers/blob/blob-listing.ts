import { escapeXml } from '../bucket/listing-xml.js';
import type { ListPage, StoredObject } from '../bucket/objects.js';

/** Characters that XML 1.0 has not: such names come percent-encoded, and say so. */
// eslint-disable-next-line no-control-regex
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

/** "List Blobs": ETags without quotes, dates of HTTP, a byte order mark in front. */
export function blobListing(page: ListPage, container: string, prefix: string, marker: string): string {
  const entries = [
    ...page.objects.map(({ key, object }) => ({ name: key, xml: blobXml(key, object) })),
    ...page.prefixes.map((name) => ({ name, xml: `<BlobPrefix>${nameXml(name)}</BlobPrefix>` })),
  ].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [
    `\uFEFF<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="${container}">`,
    `<Prefix>${escapeXml(prefix)}</Prefix><Marker>${marker}</Marker><Blobs>`,
    ...entries.map(({ xml }) => xml),
    '</Blobs>',
    page.next === undefined ? '<NextMarker />' : `<NextMarker>${markerOf(page.next)}</NextMarker>`,
    '</EnumerationResults>',
  ].join('');
}

/** A marker is opaque. */
export function markerOf(name: string): string {
  return `2!${Buffer.from(name).toString('base64url')}`;
}

export function nameOfMarker(marker: string): string {
  return Buffer.from(marker.slice(2), 'base64url').toString();
}

function nameXml(name: string): string {
  return NOT_XML.test(name)
    ? `<Name Encoded="true">${encodeURIComponent(name)}</Name>`
    : `<Name>${escapeXml(name)}</Name>`;
}

function blobXml(name: string, { bytes, etag, lastModifiedMs, isArchived, header }: StoredObject): string {
  const properties = {
    'Last-Modified': new Date(lastModifiedMs).toUTCString(),
    Etag: etag.replaceAll('"', ''),
    'Content-Length': String(bytes.byteLength),
    'Content-Type': 'application/octet-stream',
    BlobType: 'BlockBlob',
    AccessTier: isArchived === true ? 'Archive' : 'Hot',
  };
  const metadata = Object.entries(header ?? {})
    .filter(([field]) => field.startsWith('x-ms-meta-'))
    .map(([field, value]) => [field.slice('x-ms-meta-'.length), value] as const);
  return `<Blob>${nameXml(name)}<Properties>${elements(Object.entries(properties))}</Properties><Metadata>${elements(metadata)}</Metadata></Blob>`;
}

function elements(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join('');
}
