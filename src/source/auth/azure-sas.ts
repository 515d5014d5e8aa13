import { createHmac } from 'node:crypto';

import { decode, withQuery } from './canonical.js';
import type { Secret } from './secret.js';
import { type AccessKey, URL_VALID_SECONDS } from './signer.js';

const VERSION = '2021-12-02';

/** A shared access signature signs no request: it is part of the query of each. Only for the wire, never for a log. */
export function withSas(url: URL, sas: Secret): URL {
  const signed = new URL(url);
  const parameters = sas.reveal().replace(/^\?/, '');
  signed.search = signed.search === '' ? parameters : `${signed.search}&${parameters}`;
  return signed;
}

/**
 * The URL of a blob with a signature that the account's key makes for reads of it alone ("Create a service SAS"). `path`: of the
 * container and the blob, encoded.
 */
export function sasUrl(
  url: URL,
  path: string,
  { accessKeyId: account, accessKeySecret }: AccessKey,
  nowMs: number,
): URL {
  const expiry = `${new Date(nowMs + URL_VALID_SECONDS * 1000).toISOString().slice(0, 19)}Z`;
  const [permissions, resource] = ['r', 'b'];
  const place = `/blob/${account}/${decode(path)}`;
  const toSign = [
    `${permissions}\n\n${expiry}\n${place}`,
    // Policy, addresses, protocol.
    '\n\n',
    `${VERSION}\n${resource}`,
    // Snapshot, encryption scope, and five header fields of the response.
    '\n\n\n\n\n\n',
  ].join('\n');
  const key = Buffer.from(accessKeySecret, 'base64');
  const signature = createHmac('sha256', key).update(toSign).digest('base64');
  return withQuery(url, { sv: VERSION, se: expiry, sr: resource, sp: permissions, sig: signature });
}
