import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import type { ExecutionContext } from 'ava';

import { type FaultServer, startFaultServer } from './fault-server.js';

export interface DigestServerOptions {
  readonly user?: string;
  readonly password?: string;
  readonly algorithm?: 'MD5' | 'MD5-sess' | 'SHA-256' | 'SHA-256-sess';
  /** How many requests a nonce is good for. Default: any number. */
  readonly usesPerNonce?: number;
  /** Whether each count must be the one after the last. Default: false. */
  readonly isStrict?: boolean;
  /** Whether a nonce that has been used up is called stale. Default: true. */
  readonly saysStale?: boolean;
}

export interface DigestServer extends FaultServer {
  /** Of the requests so far, those that were refused. */
  readonly refusals: () => number;
  /** Forgets all nonces, as a restart does. */
  readonly forget: () => void;
}

const CONTENT = 'content '.repeat(1_000);
const REALM = 'the realm';

/** Lets in who knows the password, by its own reading of RFC 7616: the servers of Debian do not limit the use of nonces. */
export async function startDigestServer(
  t: ExecutionContext,
  options: DigestServerOptions = {},
): Promise<DigestServer> {
  const { algorithm = 'MD5', saysStale = true } = options;
  const uses = new Map<string, number>();
  let issued = 0;
  let refusals = 0;
  const server = await startFaultServer(t, (request, response) => {
    const verdict = check(request, options, uses);
    if (verdict === 'ok') {
      const [, start, end] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
      const part = CONTENT.slice(Number(start ?? 0), Number(end ?? CONTENT.length) + 1);
      const range = `bytes ${start}-${Number(start) + part.length - 1}/${CONTENT.length}`;
      response
        .writeHead(start === undefined ? 200 : 206, {
          etag: '"1"',
          ...(start !== undefined && { 'content-range': range }),
        })
        .end(part);
      return;
    }
    refusals += 1;
    issued += 1;
    const nonce = `nonce-${issued}`;
    uses.set(nonce, 0);
    const stale = verdict === 'stale' && saysStale ? ', stale=true' : '';
    response
      .writeHead(401, {
        'www-authenticate': `Digest realm="${REALM}", nonce="${nonce}", qop="auth", algorithm=${algorithm}${stale}`,
      })
      .end();
  });
  return { ...server, refusals: () => refusals, forget: () => uses.clear() };
}

function check(
  { headers, method = '', url = '' }: IncomingMessage,
  options: DigestServerOptions,
  uses: Map<string, number>,
): 'ok' | 'stale' | 'refused' {
  const {
    user = 'ada',
    password = 'hidden',
    algorithm = 'MD5',
    usesPerNonce = Infinity,
    isStrict = false,
  } = options;
  const given = Object.fromEntries(
    [...(headers.authorization ?? '').matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]*))/g)].map(
      ([, name, quoted, plain]) => [name, quoted ?? plain],
    ),
  ) as Record<string, string | undefined>;
  const hash = (text: string): string =>
    createHash(algorithm.startsWith('MD5') ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const { nonce = '', nc = '', cnonce = '' } = given;
  const known = hash(`${user}:${REALM}:${password}`);
  const first = algorithm.endsWith('-sess') ? hash(`${known}:${nonce}:${cnonce}`) : known;
  const expected = hash(`${first}:${nonce}:${nc}:${cnonce}:auth:${hash(`${method}:${url}`)}`);
  if (given['uri'] !== url || given['response'] !== expected) return 'refused';
  const before = uses.get(nonce);
  const count = Number.parseInt(nc, 16);
  const isNext = !isStrict || count === (before ?? 0) + 1;
  if (before === undefined || before >= usesPerNonce || !isNext) return 'stale';
  uses.set(nonce, before + 1);
  return 'ok';
}
