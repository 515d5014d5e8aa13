/**
 * Buckets as s3, oss, obs, cos and gs serve them, from memory: signatures are checked, listings have pages, and
 * each refusal of the vendors' tables can be switched on.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import type { ExecutionContext } from 'ava';

import { type AccessEntry, type Address, answerOr400, listenOnLoopback } from '../listen.js';
import {
  type BucketCredential,
  type BucketSettings,
  credentialRefusal,
  type Credentials,
  payerRefusal,
} from './credential-check.js';
import { type Dialect, DIALECTS, type Refusal, REFUSALS, type Vendor } from './dialects.js';
import { escapeXml, listingXml, nameOfToken } from './listing-xml.js';
import { sendObject } from './object-answer.js';
import { BucketObjects, type ObjectOptions, type StoredObject } from './objects.js';
import { type BucketRequest, readRequest } from './request.js';

export type { Refusal, Vendor } from './dialects.js';

interface Bucket {
  readonly settings: BucketSettings;
  readonly objects: BucketObjects;
}

const SETTINGS: BucketSettings = {
  region: 'us-east-1',
  regionNews: 'PermanentRedirect',
  isPublic: false,
  requesterPays: false,
  mayList: true,
};

/** Serves until the test ends. `origin` is the endpoint of path style, and a forward proxy for virtual hosts. */
export async function startBucketServer(
  t: Pick<ExecutionContext, 'teardown'>,
  vendor: Vendor,
): Promise<RunningBucketServer> {
  const buckets = new BucketServer(vendor);
  const server = createServer((message, response) =>
    answerOr400(response, () => buckets.handle(message, response)),
  );
  return Object.assign(buckets, await listenOnLoopback(t, server, buckets.log));
}

export type RunningBucketServer = BucketServer & Address;

class BucketServer implements Credentials {
  readonly accessKeyId = 'AKIDTEST';
  readonly accessKeySecret = 'secret/of+the=test';
  bearer = 'ya29.test';
  credentials: BucketCredential[] = [
    { accessKeyId: this.accessKeyId, accessKeySecret: this.accessKeySecret },
  ];
  /** With 1, `list-type=2` is ignored, as by older servers. */
  listVersion: 1 | 2;
  /** Whether `encoding-type=url` is honoured. */
  canUrlEncode: boolean;
  /** At most so many names on a page, whatever the request says. */
  pageSize = 1000;
  /** Of the answer to a range; servers made of gofakes3 answer 200. */
  partStatus = 206;
  /** How far the server's clock is ahead. */
  clockOffsetMs = 0;
  readonly log: AccessEntry[] = [];
  readonly #dialect: Dialect;
  readonly #buckets = new Map<string, Bucket>();
  #refusals: { readonly code: Refusal; readonly part: string; left: number }[] = [];

  constructor(vendor: Vendor) {
    this.#dialect = DIALECTS[vendor];
    this.listVersion = this.#dialect.listVersion;
    this.canUrlEncode = this.#dialect.canUrlEncode;
  }

  /** The bucket's settings; makes it where there is none. */
  bucket(name: string, settings: Partial<BucketSettings> = {}): BucketSettings {
    const found = this.#buckets.get(name) ?? { settings: { ...SETTINGS }, objects: new BucketObjects() };
    this.#buckets.set(name, found);
    return Object.assign(found.settings, settings);
  }

  /** The bucket has another name, too. */
  alias(name: string, bucket: string): void {
    const found = this.#buckets.get(bucket);
    if (found !== undefined) this.#buckets.set(name, found);
  }

  put(
    bucket: string,
    key: string,
    content: Uint8Array | string,
    options: ObjectOptions = {},
  ): StoredObject | undefined {
    this.bucket(bucket);
    return this.#buckets.get(bucket)?.objects.put(key, content, options);
  }

  remove(bucket: string, key: string): void {
    this.#buckets.get(bucket)?.objects.remove(key);
  }

  /** Refuses the next requests, by default all, whose decoded `/bucket/key` contains `part`. */
  refuse(code: Refusal, { times = Number.POSITIVE_INFINITY, part = '' } = {}): void {
    this.#refusals.push({ code, part, left: times });
  }

  /** Ends what `refuse` began. */
  relent(): void {
    this.#refusals = [];
  }

  handle(message: IncomingMessage, response: ServerResponse): void {
    const request = readRequest(message);
    const nowMs = Date.now() + this.clockOffsetMs;
    response.setHeader('date', new Date(nowMs).toUTCString());
    response.setHeader(`${this.#dialect.headerPrefix}request-id`, `request-${this.log.length + 1}`);
    const bucket = this.#buckets.get(request.bucket);
    const code = this.#refusalOf(request, bucket, nowMs);
    if (code !== undefined) this.#refuse(response, request, code);
    else if (bucket === undefined) this.#refuse(response, request, 'NoSuchBucket');
    else if (request.key === '' && !bucket.settings.mayList) this.#refuse(response, request, 'AccessDenied');
    else if (request.key === '') this.#list(response, request, bucket);
    else this.#read(response, request, bucket);
  }

  #refusalOf(request: BucketRequest, bucket: Bucket | undefined, nowMs: number): Refusal | undefined {
    const path = `/${request.bucket}/${request.key}`;
    const demanded = this.#refusals.find(({ left, part }) => left > 0 && path.includes(part));
    if (demanded !== undefined) {
      demanded.left -= 1;
      return demanded.code;
    }
    if (request.isPathStyle && !this.#dialect.pathStyle) return 'SecondLevelDomainForbidden';
    if (!['GET', 'HEAD'].includes(request.method)) return 'MethodNotAllowed';
    const refusal = credentialRefusal(request, this.#dialect, this, bucket?.settings, nowMs);
    return refusal ?? (bucket && payerRefusal(request, this.#dialect, bucket.settings));
  }

  #list(response: ServerResponse, request: BucketRequest, { objects }: Bucket): void {
    const query = new Map(request.query);
    const version = query.get('list-type') === '2' && this.listVersion === 2 ? 2 : 1;
    const token = query.get(version === 2 ? 'continuation-token' : 'marker');
    const after = version === 2 && token !== undefined ? nameOfToken(token) : token;
    if (token !== undefined && after === undefined) {
      this.#refuse(response, request, 'InvalidArgument');
      return;
    }
    const listQuery = {
      prefix: query.get('prefix') ?? '',
      delimiter: query.get('delimiter') ?? '',
      after: after ?? query.get('start-after') ?? '',
      maxKeys: Math.min(Number(query.get('max-keys') ?? 1000), this.pageSize),
    };
    const urlEncoded = query.get('encoding-type') === 'url' && this.canUrlEncode;
    const format = { bucket: request.bucket, version, urlEncoded, token } as const;
    response.setHeader('content-type', 'application/xml');
    response.end(listingXml(objects.list(listQuery), listQuery, format));
  }

  #read(response: ServerResponse, request: BucketRequest, { objects, settings }: Bucket): void {
    const query = new Map(request.query);
    const versionId = query.get('versionId') ?? query.get('generation');
    const object = objects.get(request.key, versionId);
    const ifMatch = request.header['if-match'];
    if (object === undefined) {
      const code = versionId === undefined ? 'NoSuchKey' : 'NoSuchVersion';
      this.#refuse(response, request, settings.mayList ? code : 'AccessDenied');
    } else if (object.isArchived === true) {
      this.#refuse(response, request, 'InvalidObjectState');
    } else if (ifMatch !== undefined && ifMatch !== object.etag) {
      this.#refuse(response, request, 'PreconditionFailed');
    } else {
      sendObject(response, request, this.#dialect, object, this.partStatus);
    }
  }

  #refuse(response: ServerResponse, request: BucketRequest, code: Refusal): void {
    const { headerPrefix } = this.#dialect;
    const region = this.#buckets.get(request.bucket)?.settings.region ?? SETTINGS.region;
    const elements = [`<Code>${code}</Code><Message>The test server answers ${code}.</Message>`];
    if (code === 'AuthorizationHeaderMalformed') elements.push(`<Region>${region}</Region>`);
    if (code === 'PermanentRedirect' || code === 'TemporaryRedirect') {
      response.setHeader(`${headerPrefix}bucket-region`, region);
      // Never to be followed as it stands.
      response.setHeader('location', `http://${request.bucket}.elsewhere.test/${request.rawPath.slice(1)}`);
    }
    // OSS has no code of its own for a wrong region.
    if (headerPrefix === 'x-oss-' && code === 'AccessDenied' && region !== SETTINGS.region) {
      elements.push(`<Endpoint>oss-${region}.aliyuncs.com</Endpoint>`);
    }
    const resource = escapeXml(`/${request.bucket}/${request.key}`);
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${elements.join('')}<Resource>${resource}</Resource></Error>`;
    response.writeHead(REFUSALS[code], { 'content-type': 'application/xml' });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}
