import { createServer } from 'node:http';

import type { ExecutionContext } from 'ava';

import { type AccessEntry, type Address, listenOnLoopback } from '../servers/listen.js';

const PAGE_KEYS = 1_000;

/** A bucket with so many objects below `many/`, made as they are listed (ListObjectsV2), and nothing else. */
export async function startLongBucket(
  t: Pick<ExecutionContext, 'teardown'>,
  count: number,
): Promise<Address & { readonly log: readonly AccessEntry[] }> {
  const server = createServer(({ url = '' }, response) => {
    const query = new URL(url, 'http://bucket').searchParams;
    const prefix = query.get('prefix');
    const start = Number(query.get('continuation-token') ?? 0);
    const end = Math.min(count, start + Number(query.get('max-keys') ?? PAGE_KEYS));
    if (prefix === '') response.end(resultOf(['<CommonPrefixes><Prefix>many/</Prefix></CommonPrefixes>']));
    else if (prefix !== 'many/') response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
    else {
      const rows = Array.from({ length: end - start }, (_, i) => rowOf(start + i));
      const next = end === count ? '' : `<NextContinuationToken>${end}</NextContinuationToken>`;
      response.end(resultOf([next, ...rows], end < count));
    }
  });
  const log: AccessEntry[] = [];
  return { ...(await listenOnLoopback(t, server, log)), log };
}

function rowOf(i: number): string {
  const etag = i.toString(16).padStart(32, '0');
  return (
    `<Contents><Key>many/object-${String(i).padStart(8, '0')}</Key><LastModified>2024-01-02T03:04:05.000Z</LastModified>` +
    `<ETag>"${etag}"</ETag><Size>${i}</Size></Contents>`
  );
}

function resultOf(parts: readonly string[], isTruncated = false): string {
  return `<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>${isTruncated}</IsTruncated>${parts.join('')}</ListBucketResult>`;
}
