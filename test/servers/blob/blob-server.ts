/** Blobs as Azure serves them, from memory, for where azurite is too heavy. */
import { createHmac, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import type { ExecutionContext } from 'ava';

import { BucketObjects, type ObjectOptions, type StoredObject } from '../bucket/objects.js';
import { type AccessEntry, type Address, answerOr400, listenOnLoopback } from '../listen.js';
import { sendBytes } from '../send-range.js';
import { blobListing, nameOfMarker } from './blob-listing.js';
import { type BlobRequest, sharedKeyOf } from './shared-key.js';

const REFUSALS = {
  AuthenticationFailed: 403,
  AuthorizationFailure: 403,
  AuthorizationPermissionMismatch: 403,
  BlobArchived: 409,
  BlobNotFound: 404,
  ConditionNotMet: 412,
  ContainerNotFound: 404,
  InvalidAuthenticationInfo: 401,
  InvalidRange: 416,
  OperationTimedOut: 500,
  PublicAccessNotPermitted: 409,
  ResourceNotFound: 404,
  ServerBusy: 503,
  UnsupportedHttpVerb: 405,
} as const;

export type BlobRefusal = keyof typeof REFUSALS;

export type RunningBlobServer = BlobServer & Address;

/** Serves until the test ends. The endpoint of the account is `origin` and `/account`. */
export async function startBlobServer(t: ExecutionContext): Promise<RunningBlobServer> {
  const blobs = new BlobServer();
  const server = createServer((message, response) =>
    answerOr400(response, () => blobs.handle(message, response)),
  );
  return Object.assign(blobs, await listenOnLoopback(t, server, blobs.log));
}

class BlobServer {
  readonly account = 'devaccount';
  readonly key = Buffer.from('key of the test account').toString('base64');
  /** For `Authorization: Bearer`. */
  bearer = 'entra-test';
  /** What strangers get. */
  anonymous: BlobRefusal | 'served' = 'ResourceNotFound';
  pageSize = 5000;
  readonly log: AccessEntry[] = [];
  readonly #containers = new Map<string, BucketObjects>();
  #refusals: { readonly code: BlobRefusal; readonly part: string; left: number }[] = [];

  /** Metadata is a header, as `x-ms-meta-hdi_isfolder`. */
  put(
    container: string,
    name: string,
    content: Uint8Array | string,
    options: ObjectOptions = {},
  ): StoredObject {
    const objects = this.#containers.get(container) ?? new BucketObjects();
    this.#containers.set(container, objects);
    const etag = `"0x8${randomUUID().replaceAll('-', '').slice(0, 14).toUpperCase()}"`;
    return objects.put(name, content, { etag, ...options });
  }

  remove(container: string, name: string): void {
    this.#containers.get(container)?.remove(name);
  }

  /** The query of a shared access signature, for a container or for blobs below `part` only, which cannot be listed. */
  sas(container: string, { blob = '', lifeMs = 3_600_000 } = {}): string {
    const query = new URLSearchParams({
      sv: '2021-12-02',
      sr: blob === '' ? 'c' : 'b',
      sp: blob === '' ? 'rl' : 'r',
      se: new Date(Date.now() + lifeMs).toISOString(),
      scope: `/${container}/${blob}`,
    });
    query.set('sig', this.#sasSignature(query));
    return query.toString();
  }

  /** Refuses the next requests, by default all, whose decoded `/container/blob` contains `part`. */
  refuse(code: BlobRefusal, { times = Number.POSITIVE_INFINITY, part = '' } = {}): void {
    this.#refusals.push({ code, part, left: times });
  }

  relent(): void {
    this.#refusals = [];
  }

  handle(message: IncomingMessage, response: ServerResponse): void {
    const [rawPath = '/', query = ''] = (message.url ?? '/').split('?');
    const request = {
      method: message.method ?? '',
      rawPath,
      query: new URLSearchParams(query),
      header: message.headers as Record<string, string>,
    };
    const [account = '', container = '', ...name] = rawPath.slice(1).split('/').map(decodeURIComponent);
    const blob = name.join('/');
    response.setHeader('x-ms-request-id', randomUUID());
    response.setHeader('x-ms-version', '2021-12-02');
    const objects = this.#containers.get(container);
    const code = this.#refusalOf(request, account, container, blob);
    if (code !== undefined) refuse(response, code);
    else if (objects === undefined) refuse(response, 'ContainerNotFound');
    else if (blob === '') this.#list(response, request, container, objects);
    else read(response, request, objects, blob);
  }

  #refusalOf(
    request: BlobRequest,
    account: string,
    container: string,
    blob: string,
  ): BlobRefusal | undefined {
    const demanded = this.#refusals.find(
      ({ left, part }) => left > 0 && `/${container}/${blob}`.includes(part),
    );
    if (demanded !== undefined) {
      demanded.left -= 1;
      return demanded.code;
    }
    if (!['GET', 'HEAD'].includes(request.method)) return 'UnsupportedHttpVerb';
    const { authorization } = request.header;
    if (request.query.has('sig')) return this.#sasRefusal(request, container, blob);
    if (authorization === undefined) return this.anonymous === 'served' ? undefined : this.anonymous;
    if (authorization.startsWith('Bearer ')) {
      return authorization === `Bearer ${this.bearer}` ? undefined : 'InvalidAuthenticationInfo';
    }
    const isSigned =
      account === this.account && authorization === sharedKeyOf(request, this.account, this.key);
    return isSigned ? undefined : 'AuthenticationFailed';
  }

  #sasRefusal({ query }: BlobRequest, container: string, blob: string): BlobRefusal | undefined {
    const isLive = Date.parse(query.get('se') ?? '') > Date.now();
    if (isLive && query.get('sig') === this.#serviceSas(query, container, blob)) return undefined;
    if (!isLive || query.get('sig') !== this.#sasSignature(query)) return 'AuthenticationFailed';
    if (!`/${container}/${blob}`.startsWith(query.get('scope') ?? ''))
      return 'AuthorizationPermissionMismatch';
    return blob === '' && query.get('sr') === 'b' ? 'AuthorizationPermissionMismatch' : undefined;
  }

  /** Clients take the signature as it is; only the server has to know how it is made. */
  #sasSignature(query: URLSearchParams): string {
    const text = ['sv', 'sr', 'sp', 'se', 'scope'].map((name) => query.get(name)).join('\n');
    return createHmac('sha256', Buffer.from(this.key, 'base64')).update(text).digest('base64');
  }

  /** "Create a service SAS", for reads of one blob. */
  #serviceSas(query: URLSearchParams, container: string, blob: string): string {
    const field = (name: string): string => query.get(name) ?? '';
    const place = `/blob/${this.account}/${container}/${blob}`;
    const signed = [field('sp'), '', field('se'), place, '', '', '', field('sv'), field('sr')];
    const text = [...signed, '', '', '', '', '', '', ''].join('\n');
    return createHmac('sha256', Buffer.from(this.key, 'base64')).update(text).digest('base64');
  }

  #list(response: ServerResponse, { query }: BlobRequest, container: string, objects: BucketObjects): void {
    const [prefix, marker] = [query.get('prefix') ?? '', query.get('marker') ?? ''];
    const page = objects.list({
      prefix,
      delimiter: query.get('delimiter') ?? '',
      after: marker === '' ? '' : nameOfMarker(marker),
      maxKeys: Math.min(Number(query.get('maxresults') ?? 5000), this.pageSize),
    });
    response.setHeader('content-type', 'application/xml');
    response.end(blobListing(page, container, prefix, marker));
  }
}

function read(
  response: ServerResponse,
  { header, query }: BlobRequest,
  objects: BucketObjects,
  name: string,
): void {
  const object = objects.get(name, query.get('versionid') ?? query.get('snapshot') ?? undefined);
  const ifMatch = header['if-match'];
  const range = header['x-ms-range'] ?? header['range'];
  if (object === undefined) refuse(response, 'BlobNotFound');
  else if (object.isArchived === true) refuse(response, 'BlobArchived');
  else if (ifMatch !== undefined && ifMatch !== object.etag) refuse(response, 'ConditionNotMet');
  else {
    const fields = {
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      etag: object.etag,
      'last-modified': new Date(object.lastModifiedMs).toUTCString(),
      'x-ms-blob-type': 'BlockBlob',
      'x-ms-version-id': object.versionId,
      ...object.header,
    };
    for (const [field, value] of Object.entries(fields)) response.setHeader(field, value);
    if (header['if-none-match'] === object.etag) response.writeHead(304).end();
    else sendBytes(response, range, object.bytes);
  }
}

function refuse(response: ServerResponse, code: BlobRefusal): void {
  const text = `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>The test server answers ${code}.</Message></Error>`;
  response.writeHead(REFUSALS[code], { 'content-type': 'application/xml', 'x-ms-error-code': code });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
