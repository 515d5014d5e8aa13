import type { ContentDigest } from '../../metadata.js';

/** Of ownCloud's and Nextcloud's `SHA1:… MD5:… ADLER32:…`: in a property, and in the header `OC-Checksum`. */
export function checksumDigest(text: string): ContentDigest | undefined {
  const sha256 = /\bSHA256:([0-9a-f]{64})\b/i.exec(text)?.[1];
  if (sha256 !== undefined) return { algorithm: 'sha256', hex: sha256.toLowerCase() };
  const md5 = /\bMD5:([0-9a-f]{32})\b/i.exec(text)?.[1];
  return md5 === undefined ? undefined : { algorithm: 'md5', hex: md5.toLowerCase() };
}
