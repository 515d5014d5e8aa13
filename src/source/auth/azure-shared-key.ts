import { createHmac } from 'node:crypto';

import { byName, chosenFields, fieldLines, queryPairs } from './canonical.js';
import type { Signer } from './signer.js';

/** In the order in which they are signed, after the method. The date is among the `x-ms-` fields. */
const SIGNED_FIELDS = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
];

/**
 * Shared Key of Azure Storage ("Authorize with Shared Key"); the key's id is the account. The account is signed before the
 * path, also where the path begins with it (Azurite).
 */
export function azureSharedKey(): Signer {
  return ({ method, url, header }, { accessKeyId: account, accessKeySecret }, nowMs) => {
    const added = { 'x-ms-date': new Date(nowMs).toUTCString() };
    const toSign = [
      method,
      ...SIGNED_FIELDS.map((name) => header[name] ?? ''),
      fieldLines(chosenFields({ ...header, ...added }, (name) => name.startsWith('x-ms-'))) +
        `/${account}${url.pathname}${queryLines(url)}`,
    ].join('\n');
    const signature = createHmac('sha256', Buffer.from(accessKeySecret, 'base64'))
      .update(toSign)
      .digest('base64');
    return { ...added, authorization: `SharedKey ${account}:${signature}` };
  };
}

function queryLines(url: URL): string {
  return queryPairs(url)
    .map(([name, value = '']): [string, string] => [name.toLowerCase(), value])
    .toSorted(byName)
    .map(([name, value]) => `\n${name}:${value}`)
    .join('');
}
