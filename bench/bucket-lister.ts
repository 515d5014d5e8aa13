/** Lists a directory as the objects of a bucket, beside an nginx that sends them. Run: bucket-lister.js ROOT BUCKET PORT */
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { listingXml } from '../test/servers/bucket/listing-xml.js';
import { BucketObjects, type StoredObject } from '../test/servers/bucket/objects.js';

const [root = '', bucket = '', port = ''] = process.argv.slice(2);
const NO_BYTES = Buffer.alloc(0);
/** By prefix, while nothing is added to the directory. */
const listed = new Map<string, { readonly mtimeMs: number; readonly objects: BucketObjects }>();

function objectsOf(prefix: string): BucketObjects {
  const { mtimeMs } = statSync(join(root, prefix));
  const known = listed.get(prefix);
  if (known?.mtimeMs === mtimeMs) return known.objects;
  const objects = new BucketObjects();
  for (const entry of readdirSync(join(root, prefix), { withFileTypes: true })) {
    const key = `${prefix}${entry.name}`;
    if (entry.isFile()) addObject(objects, key);
    // One key below it shows that it is there.
    else objects.put(`${key}/below`, NO_BYTES);
  }
  listed.set(prefix, { mtimeMs, objects });
  return objects;
}

function addObject(objects: BucketObjects, key: string): void {
  const { size, mtimeMs } = statSync(join(root, key));
  const seconds = Math.floor(mtimeMs / 1000);
  // As nginx answers.
  const etag = `"${seconds.toString(16)}-${size.toString(16)}"`;
  const sized: Partial<StoredObject> = { bytes: { byteLength: size } as Buffer };
  Object.assign(objects.put(key, NO_BYTES, { etag, lastModifiedMs: seconds * 1000 }), sized);
}

createServer((request, response) => {
  const query = new URL(request.url ?? '', 'http://lister').searchParams;
  const token = query.get('continuation-token') ?? undefined;
  const prefix = query.get('prefix') ?? '';
  const listQuery = {
    prefix,
    delimiter: '/',
    after:
      token === undefined
        ? ''
        : Buffer.from(token, 'base64')
            .toString()
            .replace(/^after:/, ''),
    maxKeys: Math.min(Number(query.get('max-keys') ?? 1000), 1000),
  };
  const urlEncoded = query.get('encoding-type') === 'url';
  response.setHeader('content-type', 'application/xml');
  try {
    const page = objectsOf(prefix.slice(0, prefix.lastIndexOf('/') + 1)).list(listQuery);
    response.end(listingXml(page, listQuery, { bucket, version: 2, urlEncoded, token }));
  } catch {
    const nothing = { objects: [], prefixes: [], next: undefined };
    response.end(listingXml(nothing, listQuery, { bucket, version: 2, urlEncoded, token }));
  }
}).listen(Number(port), '127.0.0.1');
