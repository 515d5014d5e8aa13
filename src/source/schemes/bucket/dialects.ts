/** In what the stores differ that speak the dialect of S3 (facts of the vendors' documents). */

export type BucketScheme = 's3' | 'oss' | 'obs' | 'cos' | 'gs';

export interface BucketDialect {
  /** Of `GET /?list-type=2`, or of the first version with its markers. */
  readonly listVersion: 1 | 2;
  /** Whether keys are requested url-encoded. PFS buckets of OBS cannot page so. */
  readonly encodesKeys: boolean;
  /** Of the vendor's own header fields; with `signature: s3` they are those of S3. */
  readonly headerPrefix: string;
  /** Of the query, names the version of an object. */
  readonly versionParameter: string;
  /** `auto`: in the name of the host, but for an endpoint of the user's own. */
  readonly addressing: 'auto' | 'virtual' | 'path';
  /** The region if nothing names one. */
  readonly defaultRegion?: string;
  /** Undefined: there is none for a bucket whose region is not known. */
  endpointOf(region: string | undefined): string | undefined;
  /** The vendor's endpoints, with the region as the first group. With the bucket before it, it may be a host of the mount. */
  readonly endpointHost: RegExp;
  /** Of reads of an object. */
  readonly objectHeader?: Readonly<Record<string, string>>;
}

export const DIALECTS: Readonly<Record<BucketScheme, BucketDialect>> = {
  s3: {
    listVersion: 2,
    encodesKeys: true,
    headerPrefix: 'x-amz-',
    versionParameter: 'versionId',
    addressing: 'auto',
    defaultRegion: 'us-east-1',
    endpointOf: (region = 'us-east-1') =>
      `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`,
    endpointHost: /^s3[.-]([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/,
    objectHeader: { 'x-amz-checksum-mode': 'ENABLED' },
  },
  oss: {
    listVersion: 2,
    encodesKeys: true,
    headerPrefix: 'x-oss-',
    versionParameter: 'versionId',
    addressing: 'virtual',
    endpointOf: (region) => region && `https://oss-${region}.aliyuncs.com`,
    endpointHost: /^(?:s3\.)?oss-([a-z]+-[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com$/,
  },
  obs: {
    listVersion: 1,
    encodesKeys: false,
    headerPrefix: 'x-obs-',
    versionParameter: 'versionId',
    addressing: 'virtual',
    endpointOf: (region) => region && `https://obs.${region}.myhuaweicloud.com`,
    endpointHost: /^obs\.([a-z0-9-]+)\.myhuaweicloud\.com$/,
  },
  cos: {
    listVersion: 1,
    encodesKeys: true,
    headerPrefix: 'x-cos-',
    versionParameter: 'versionId',
    addressing: 'virtual',
    endpointOf: (region) => region && `https://cos.${region}.myqcloud.com`,
    endpointHost: /^cos\.([a-z0-9-]+)\.myqcloud\.com$/,
  },
  gs: {
    listVersion: 2,
    encodesKeys: true,
    headerPrefix: 'x-goog-',
    versionParameter: 'generation',
    addressing: 'path',
    defaultRegion: 'auto',
    endpointOf: () => 'https://storage.googleapis.com',
    endpointHost: /^storage\.googleapis\.com$/,
    // Else it decompresses what is stored with gzip, and knows no ranges of it. Its listings it would compress.
    objectHeader: { 'accept-encoding': 'gzip' },
  },
};

/** Buckets of the first years have capitals and `_`. */
const BUCKET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,253}[A-Za-z0-9_-]?$/;

export function isBucketName(name: string): boolean {
  return BUCKET_NAME.test(name);
}
