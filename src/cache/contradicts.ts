import { isWeakEtag } from '../source/index.js';
import type { ResourceMetadata } from './file-metadata.js';
import type { ListedEntry } from './resource-cache.js';

/** Whether a listing that is newer than the metadata shows that the metadata no longer holds. */
export function contradicts(entry: ListedEntry, metadata: ResourceMetadata | 'missing'): boolean {
  if (metadata === 'missing') return true;
  const { stat: listed } = entry;
  if (listed === 'unknown-file') return metadata.kind !== 'file';
  if (listed.kind !== metadata.kind) return true;
  if (listed.kind === 'directory' || metadata.kind === 'directory') return false;
  const { etag } = metadata.version.validators;
  if (entry.etag !== undefined && etag !== undefined && !isWeakEtag(etag)) return entry.etag !== etag;
  if (listed.size !== metadata.size && metadata.size !== undefined) return true;
  if (listed.lastModifiedMs === undefined || metadata.lastModifiedMs === undefined) return false;
  const precisionMs = listed.lastModifiedPrecisionMs;
  return (
    Math.floor(metadata.lastModifiedMs / precisionMs) !== Math.floor(listed.lastModifiedMs / precisionMs)
  );
}
