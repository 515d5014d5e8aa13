/**
 * An origin of stamped files, as a process of its own: `stamped-origin.js SETTINGS`, which prints its ports. It serves
 * them below `/stress/` over http and https, on a calm and a hostile port each, and as the bucket `stress`.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { Random } from '../support/random.js';
import { LONG_LISTING, sizeOf, type StampedFile, stampedBytes, versionAt } from './stamped-file.js';

export interface OriginSettings {
  readonly seed: number;
  /** Versions are counted from it, in seconds. */
  readonly epoch: number;
  readonly files: Readonly<Record<string, StampedFile>>;
  /** Those in the bucket. */
  readonly keys: readonly string[];
  /** Files of a certificate and its key. */
  readonly certificate: string;
  readonly key: string;
}

export type OriginPorts = Readonly<Record<'http' | 'https' | 'hostileHttp' | 'hostileHttps', number>>;

const PIECE_BYTES = 128 * 1024;
/** A digest is given of files up to it: each response computes it. */
const DIGESTED_BYTES = 2 << 20;

interface Body {
  start: number;
  end: number;
  /** What its head says, where it is not what comes. */
  says?: { readonly start: number; readonly end: number };
  /** It stops there, and the connection breaks, or stays. */
  stop?: { readonly at: number; readonly how: 'break' | 'reset' | 'stall' };
}

const settings = JSON.parse(process.argv[2] ?? '') as OriginSettings;
const random = new Random(settings.seed);
const answering = new WeakSet<Socket>();

const answer: RequestListener = (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://origin');
  const file = settings.files[pathname.slice('/stress/'.length)];
  if (searchParams.has('delimiter')) listObjects(response, searchParams.get('prefix') ?? '');
  else if (pathname === '/stress/') listPage(response, Object.keys(settings.files));
  else if (pathname === '/many/')
    listPage(
      response,
      Array.from({ length: LONG_LISTING }, (_, i) => `n${i}`),
    );
  else if (file === undefined) fail(response, 404);
  else send(request, response, file).catch(() => response.destroy());
};

async function send(request: IncomingMessage, response: ServerResponse, file: StampedFile): Promise<void> {
  const { validator, periodSeconds, hasRanges } = file;
  const { headers } = request;
  const version = versionAt(file, settings.epoch, Date.now() / 1000);
  const size = sizeOf(file, version);
  const etag = { strong: `"${version}"`, weak: `W/"${version}"`, date: undefined, none: undefined }[
    validator
  ];
  const changedAt = settings.epoch + (periodSeconds === 0 ? -1e6 : (version - 1) * periodSeconds);
  const date = validator === 'date' ? new Date(changedAt * 1000).toUTCString() : undefined;
  if (etag !== undefined) response.setHeader('etag', etag);
  if (date !== undefined) response.setHeader('last-modified', date);
  if (size <= DIGESTED_BYTES && validator === 'strong') {
    const digest = createHash('sha256')
      .update(stampedBytes(file, version, 0, size))
      .digest('base64');
    response.setHeader('x-amz-checksum-sha256', digest);
  }
  if (errorInstead(headers['if-match'] !== undefined, response, file)) return;

  // Some servers know no preconditions: their answer is of another version, and says so.
  const comparesNothing = file.fault !== 'calm' && random.chance(0.3);
  const { 'if-match': match = etag, 'if-unmodified-since': unmodified = date } = headers;
  if (!comparesNothing && (match !== etag || unmodified !== date)) return fail(response, 412);
  const {
    'if-none-match': noneMatch,
    'if-modified-since': modified,
    'if-range': ifRange = etag ?? date,
  } = headers;
  if (noneMatch === undefined ? modified !== undefined && modified === date : noneMatch === etag) {
    return fail(response, 304);
  }

  const body: Body = { start: 0, end: size };
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
  if (hasRanges) response.setHeader('accept-ranges', 'bytes');
  if (hasRanges && range !== null && (ifRange === etag || ifRange === date)) {
    body.start = Number(range[1]);
    body.end = Math.min(size, range[2] === '' ? size : Number(range[2]) + 1);
    if (body.start >= size) {
      response.setHeader('content-range', `bytes */${size}`);
      return fail(response, 416);
    }
    response.statusCode = 206;
  }
  distort(response, body, size, file.fault);
  const { start, end } = body.says ?? body;
  if (response.statusCode === 206) response.setHeader('content-range', `bytes ${start}-${end - 1}/${size}`);
  await sendBody(response, body, file, version);
}

/** Whether an error was sent. */
function errorInstead(isPinned: boolean, response: ServerResponse, { fault }: StampedFile): boolean {
  if (fault !== 'errors' || random.chance(0.7)) return false;
  const status = random.pick([500, 502, 503, 429, 404, 412] as const);
  if (status === 412 && !isPinned) return false;
  if (status === 503) response.setHeader('retry-after', '1');
  fail(response, status);
  return true;
}

/** Spoils some answers, so that no reader may take their bytes for others. */
function distort(response: ServerResponse, body: Body, size: number, fault: StampedFile['fault']): void {
  const { start, end } = body;
  const at = random.between(start, end);
  if (fault === 'cuts' && random.chance(0.3))
    body.stop = { at, how: random.pick(['break', 'reset'] as const) };
  if (fault === 'stalls' && random.chance(0.2)) body.stop = { at, how: 'stall' };
  if (fault !== 'wrong' || response.statusCode !== 206 || random.chance(0.7)) return;
  const how = random.pick(['shifted', 'whole', 'part', 'long', 'short', 'encoded'] as const);
  if (how === 'shifted') body.start = Math.min(start + 8, end - 1);
  if (how === 'part') body.end = random.between(start + 1, end);
  if (how === 'encoded') response.setHeader('content-encoding', 'gzip');
  if (how === 'long' || how === 'short') {
    body.says = { start, end };
    body.end = how === 'long' ? end + 1_000 : start + Math.floor((end - start) / 2);
  }
  if (how !== 'whole') return;
  response.statusCode = 200;
  Object.assign(body, { start: 0, end: size });
}

async function sendBody(
  response: ServerResponse,
  body: Body,
  file: StampedFile,
  version: number,
): Promise<void> {
  const { start, end, says, stop } = body;
  const { socket } = response;
  if (!file.isChunked && says === undefined) response.setHeader('content-length', end - start);
  response.flushHeaders();
  if (socket !== null) answering.add(socket);
  const closed = new Promise((resolve) => response.once('close', resolve));
  const last = stop?.at ?? end;
  for (let at = start; at < last && !response.destroyed; at += PIECE_BYTES) {
    const piece = stampedBytes(file, version, at, Math.min(at + PIECE_BYTES, last));
    if (file.fault === 'rotten' && random.chance(0.3)) piece.writeUInt8(0xff, random.below(piece.length));
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), closed]);
    if (file.fault === 'slow') await sleep(250);
  }
  if (stop?.how === 'stall') return;
  if (stop?.how === 'reset') socket?.resetAndDestroy();
  if (stop !== undefined) response.destroy();
  response.end();
  if (socket === null) return;
  answering.delete(socket);
  // Idle, or with the next request on its way.
  if (file.fault !== 'closes' || random.chance(0.5)) return;
  setTimeout(() => answering.has(socket) || socket.destroy(), random.between(0, 30));
}

function fail(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}

function listPage(response: ServerResponse, names: readonly string[]): void {
  response.setHeader('content-type', 'text/html');
  const lines = names.map((name) => `<a href="${name}">${name}</a>`).join('\n');
  response.end(`<html><head><title>Index of /</title></head><body><pre>${lines}</pre></body></html>`);
}

function listObjects(response: ServerResponse, prefix: string): void {
  const rows = settings.keys.map((key) => {
    const file = settings.files[key];
    if (file === undefined || !key.startsWith(prefix)) return '';
    const version = versionAt(file, settings.epoch, Date.now() / 1000);
    // A listing has no digest, so that with a strong tag what is listed is not compared with one.
    const etag = `${file.fault === 'rotten' ? 'W/' : ''}&quot;${version}&quot;`;
    const size = `<Size>${sizeOf(file, version)}</Size>`;
    return `<Contents><Key>${key}</Key><ETag>${etag}</ETag>${size}</Contents>`;
  });
  response.setHeader('content-type', 'application/xml');
  const listed = `<ListBucketResult><IsTruncated>false</IsTruncated>${rows.join('')}</ListBucketResult>`;
  response.end(`<?xml version="1.0"?>${listed}`);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const tls = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
const ports: OriginPorts = {
  http: await listen(createServer(answer)),
  https: await listen(createTlsServer(tls, answer)),
  hostileHttp: await listen(createServer(answer)),
  hostileHttps: await listen(createTlsServer(tls, answer)),
};
process.stdout.write(`${JSON.stringify(ports)}\n`);
