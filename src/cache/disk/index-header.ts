import type { Validators } from '../../source/index.js';
import { areStrong } from '../version.js';
import type { StoredFacts } from './disk-cache.js';
import type { Geometry } from './layout.js';

/** What the header of an index file tells; it says of itself which file it belongs to. */
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

export function headerToJson(header: IndexHeader): string {
  return JSON.stringify(header);
}

/** Undefined for anything that another program, or another version of this one, may have written. */
export function headerFromJson(text: string): IndexHeader | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { url, facts, blockBytes, segmentBlocks, segment, createdAtMs } = value;
  const stored = factsFrom(facts);
  if (stored === undefined || typeof url !== 'string') return undefined;
  if (!isCount(blockBytes) || !isCount(segmentBlocks) || !isCount(segment)) return undefined;
  if (typeof createdAtMs !== 'number') return undefined;
  return { url, facts: stored, blockBytes, segmentBlocks, segment, createdAtMs };
}

function factsFrom(value: unknown): StoredFacts | undefined {
  if (!isObject(value) || !isObject(value['version'])) return undefined;
  const { sizeBytes, lastModifiedMs, supportRange, isPage } = value;
  const { id, validators, verifiable } = value['version'];
  const valid = validatorsFrom(validators);
  if (typeof id !== 'string' || verifiable !== true || valid === undefined || !areStrong(valid))
    return undefined;
  if (!isCount(sizeBytes) || typeof supportRange !== 'boolean' || !isNumberOrAbsent(lastModifiedMs)) {
    return undefined;
  }
  const page = isPage === true ? { isPage: true as const } : {};
  return { version: { id, validators: valid, verifiable }, sizeBytes, lastModifiedMs, supportRange, ...page };
}

function validatorsFrom(value: unknown): Validators | undefined {
  if (!isObject(value)) return undefined;
  const { etag, lastModifiedMs, contentLength } = value;
  if (etag !== undefined && typeof etag !== 'string') return undefined;
  if (!isNumberOrAbsent(lastModifiedMs) || !isNumberOrAbsent(contentLength)) return undefined;
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModifiedMs === undefined ? {} : { lastModifiedMs }),
    ...(contentLength === undefined ? {} : { contentLength }),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isNumberOrAbsent(value: unknown): value is number | undefined {
  return value === undefined || typeof value === 'number';
}
