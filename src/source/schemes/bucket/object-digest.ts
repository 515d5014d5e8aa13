/** The digest that a store gives for a whole object. */
import { parseContentRange } from '../../byte-range.js';
import type { HeaderFields } from '../../http/header-fields.js';
import type { ContentDigest } from '../../metadata.js';

/** The cheapest first. */
const AMAZON = ['crc64nvme', 'crc32c', 'sha256'] as const;
const HEX_CHARS = { crc64nvme: 16, crc32c: 8, sha256: 64, md5: 32 } as const;

/** Undefined: there is none, or it may be of the range alone. */
export function objectDigest(status: number, header: HeaderFields): ContentDigest | undefined {
  return (
    ofAlibabaOrTencent(header) ?? ofGoogle(header) ?? (isWhole(status, header) ? ofAmazon(header) : undefined)
  );
}

/** CRC-64/XZ as a decimal number, of the whole object also with a range. */
function ofAlibabaOrTencent(header: HeaderFields): ContentDigest | undefined {
  const text = header.get('x-oss-hash-crc64ecma') ?? header.get('x-cos-hash-crc64ecma') ?? '';
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const hex = BigInt(text).toString(16).padStart(16, '0');
  return hex.length === 16 ? { algorithm: 'crc64xz', hex } : undefined;
}

/** `crc32c=n03x6A==,md5=Ojk9c3dhfxgoKVVHYwFbHQ==`: of the bytes as they are stored, also with a range. */
function ofGoogle(header: HeaderFields): ContentDigest | undefined {
  const fields = (header.get('x-goog-hash') ?? '').split(',').map((field) => field.trim());
  for (const algorithm of ['crc32c', 'md5'] as const) {
    const value = fields.find((field) => field.startsWith(`${algorithm}=`))?.slice(algorithm.length + 1);
    const digest = value === undefined ? undefined : ofBase64(algorithm, value);
    if (digest !== undefined) return digest;
  }
  return undefined;
}

/** One of an upload in parts may be a digest of the digests of the parts: `COMPOSITE`, or with a `-` and their number. */
function ofAmazon(header: HeaderFields): ContentDigest | undefined {
  if (header.get('x-amz-checksum-type')?.toUpperCase() === 'COMPOSITE') return undefined;
  for (const algorithm of AMAZON) {
    const value = header.get(`x-amz-checksum-${algorithm}`);
    if (value !== null) return ofBase64(algorithm, value);
  }
  return undefined;
}

function ofBase64(algorithm: keyof typeof HEX_CHARS, text: string): ContentDigest | undefined {
  if (!/^[A-Za-z0-9+/]{1,88}={0,2}$/.test(text)) return undefined;
  const hex = Buffer.from(text, 'base64').toString('hex');
  return hex.length === HEX_CHARS[algorithm] ? { algorithm, hex } : undefined;
}

/** Of a range S3 may give the checksum of a part. */
function isWhole(status: number, header: HeaderFields): boolean {
  if (status === 200) return true;
  const { range, totalBytes } = parseContentRange(header.get('content-range') ?? '') ?? {};
  return range?.start === 0 && range.end === totalBytes;
}
