import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import type { ExecutionContext } from 'ava';

import { type AccessEntry, listenOnLoopback } from '../listen.js';
import { sendBytes } from '../send-range.js';
import type { HubFile } from './repositories.js';

/** A host of its own for the bytes of large files, with signed links that expire. */
export interface Cdn {
  readonly origin: string;
  readonly log: AccessEntry[];
  /** How long new links are valid. */
  linkLifeMs: number;
  linkTo(file: HubFile): string;
}

export async function startCdn(t: ExecutionContext): Promise<Cdn> {
  const links = new Map<string, { readonly file: HubFile; readonly endsAtMs: number }>();
  const log: AccessEntry[] = [];
  const server = createServer((request, response) => {
    const link = links.get(request.url ?? '');
    // As S3: a signed link and a header of authorization are one too many.
    if (request.headers.authorization !== undefined) response.writeHead(400).end('InvalidArgument');
    else if (link === undefined || Date.now() >= link.endsAtMs) response.writeHead(403).end('AccessDenied');
    else if (![undefined, etagOf(link.file)].includes(request.headers['if-match']))
      response.writeHead(412).end();
    else {
      response.setHeader('etag', etagOf(link.file));
      response.setHeader('accept-ranges', 'bytes');
      sendBytes(response, request.headers.range, link.file.bytes);
    }
  });
  const address = await listenOnLoopback(t, server, log);
  const cdn: Cdn = {
    origin: address.origin,
    log,
    linkLifeMs: 3_600_000,
    linkTo: (file) => {
      const path = `/repos/${file.sha256 ?? file.oid}?Signature=${randomUUID()}`;
      links.set(path, { file, endsAtMs: Date.now() + cdn.linkLifeMs });
      return cdn.origin + path;
    },
  };
  return cdn;
}

/** Another one than that of the hub. */
function etagOf({ oid }: HubFile): string {
  return `"cdn-${oid}"`;
}
