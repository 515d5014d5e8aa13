import type { StoredFacts } from './disk-cache.js';
import type { Geometry } from './layout.js';

/** The header of an index file, as JSON: it names the version and the segment that the file belongs to. */
export interface IndexHeader {
  readonly url: string;
  readonly facts: StoredFacts;
  readonly blockBytes: number;
  readonly segmentBlocks: number;
  readonly segment: number;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** Whether the header is that of this segment of this version, cut in this way. */
export function isHeaderOf(
  header: IndexHeader,
  expected: {
    readonly url: string;
    readonly versionId: string;
    readonly geometry: Geometry;
    segment: number;
  },
): boolean {
  const { geometry } = expected;
  return (
    header.url === expected.url &&
    header.facts.version.id === expected.versionId &&
    header.facts.sizeBytes === geometry.sizeBytes &&
    header.blockBytes === geometry.blockBytes &&
    header.segmentBlocks === geometry.segmentBlocks &&
    header.segment === expected.segment
  );
}
