/** Where a bucket is served. */
import { isIP } from 'node:net';

import { SourceError } from '../../errors.js';
import type { BucketDialect, BucketScheme } from './dialects.js';

export interface AddressSettings {
  readonly endpoint?: URL;
  readonly region?: string;
  readonly addressing?: 'auto' | 'virtual' | 'path';
  readonly signature?: 'vendor' | 's3';
}

export interface BucketAddress {
  readonly bucket: string;
  readonly endpoint: URL;
  /** Undefined: neither a rule nor the endpoint names it. */
  readonly region: string | undefined;
  readonly isVirtual: boolean;
  /** The endpoint is the vendor's, so that another region has another one. */
  readonly isVendors: boolean;
}

/** A label of DNS; a certificate for `*.s3.…` covers no second one. */
const LABEL = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;

/** `host`: of the URL. `learned`: the region that the store has named. */
export function bucketAddress(
  scheme: BucketScheme,
  dialect: BucketDialect,
  host: string,
  settings: AddressSettings,
  learned: string | undefined,
): BucketAddress {
  const ofHost = hostForm(dialect, host);
  const bucket = ofHost?.bucket ?? host;
  const region = learned ?? settings.region ?? ofHost?.region;
  const given = settings.endpoint ?? (learned === undefined ? ofHost?.endpoint : undefined);
  const isVendors = given === undefined || dialect.endpointHost.test(given.hostname);
  const isKept = given !== undefined && (learned === undefined || !isVendors);
  const endpoint = isKept ? given : vendorEndpoint(scheme, dialect, region, host, settings.signature);
  if (given !== undefined) endpoint.protocol = given.protocol;
  return {
    bucket,
    endpoint,
    region: region ?? dialect.endpointHost.exec(endpoint.hostname)?.[1] ?? dialect.defaultRegion,
    isVirtual: isVirtual(dialect, settings.addressing, bucket, endpoint),
    isVendors,
  };
}

/** The URL of a key that is encoded already; of the bucket, if it is empty. */
export function objectUrl({ bucket, endpoint, isVirtual }: BucketAddress, path: string, query = ''): URL {
  const root = isVirtual
    ? `${endpoint.protocol}//${bucket}.${endpoint.host}`
    : `${endpoint.origin}/${bucket}`;
  return new URL(`${root}/${path}${query === '' ? '' : `?${query}`}`);
}

function hostForm(
  dialect: BucketDialect,
  host: string,
): { bucket: string; endpoint: URL; region: string | undefined } | undefined {
  const dot = host.indexOf('.');
  const region = dialect.endpointHost.exec(host.slice(dot + 1))?.[1];
  if (dot < 1 || region === undefined) return undefined;
  return { bucket: host.slice(0, dot), endpoint: new URL(`https://${host.slice(dot + 1)}`), region };
}

function vendorEndpoint(
  scheme: BucketScheme,
  dialect: BucketDialect,
  region: string | undefined,
  host: string,
  signature: 'vendor' | 's3' | undefined,
): URL {
  const endpoint = dialect.endpointOf(region);
  // The words are Dragonfly's (pkg/source/clients).
  if (endpoint === undefined) {
    throw new SourceError('NOT_CONFIGURED', `${scheme} need endpoint`, `${scheme}://${host}`, {
      expected: 'endpoint or region in the settings of the bucket',
      found: 'neither',
    });
  }
  const url = new URL(endpoint);
  if (scheme === 'oss' && signature === 's3') url.hostname = `s3.${url.hostname}`;
  return url;
}

function isVirtual(
  dialect: BucketDialect,
  addressing: AddressSettings['addressing'] = 'auto',
  bucket: string,
  endpoint: URL,
): boolean {
  if (addressing !== 'auto') return addressing === 'virtual';
  const { hostname } = endpoint;
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || !LABEL.test(bucket)) return false;
  return dialect.addressing === 'auto'
    ? dialect.endpointHost.test(hostname)
    : dialect.addressing === 'virtual';
}
