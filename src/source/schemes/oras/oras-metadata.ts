/** How the sources of the mount see names, digests and sizes of registries. */
import { percentDecoded, percentEncodedSegment } from '../../byte-text.js';
import { type ContentDigest, type Metadata, UNKNOWN_LAST_MODIFIED, type UrlEntry } from '../../metadata.js';
import { NamedEntry } from '../../named-entry.js';
import type { Artifact, Blob } from './artifact.js';
import { isDigest } from './oras-name.js';

/** Paths of registries are in UTF-8. */
export function segmentsOf(url: URL): string[] {
  return url.pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map(percentDecoded);
}

/** An entry of a directory, with the file or directory that `facts` says. */
export function entryOf(
  directory: URL,
  decodedName: string,
  facts: Omit<UrlEntry, 'name' | 'url'>,
): UrlEntry {
  return new NamedEntry(directory, percentEncodedSegment(decodedName), facts);
}

export function fileMetadata(
  { createdMs }: Artifact,
  { digest, sizeBytes }: Blob,
  supportRange: boolean,
): Metadata {
  const whole = contentDigest(digest);
  return {
    kind: 'file',
    contentLength: sizeBytes,
    supportRange,
    lastModified: createdMs ?? UNKNOWN_LAST_MODIFIED,
    etag: etagOf(digest),
    ...(whole === undefined ? {} : { digest: whole }),
  };
}

export function manifestBlob({ digest, text }: Artifact): Blob {
  return { digest, sizeBytes: Buffer.byteLength(text) };
}

export function contentDigest(digest: string): ContentDigest | undefined {
  const hex = /^sha256:(.*)$/.exec(digest)?.[1];
  return hex === undefined ? undefined : { algorithm: 'sha256', hex };
}

/** An entity tag of our own: strong, since equal digests are equal bytes. */
export function etagOf(digest: string): string {
  return `"${digest}"`;
}

export function isPinned(etag: string | undefined): boolean {
  return etag !== undefined && isDigest(etag.slice(1, -1));
}
