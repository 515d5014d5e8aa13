import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import type { ExecutionContext } from 'ava';

import { createCertificate } from '../support/certificate.js';
import { type AccessEntry, listenOnLoopback } from './listen.js';

/** Issues tokens that a registry accepts. */
export interface TokenIssuer {
  /** What the registry has to know: `auth.token` of its configuration. */
  readonly settings: object;
  readonly log: AccessEntry[];
  lifeS: number;
  token(scope: string, lifeS: number): string;
}

/** As "Token Authentication Specification" of distribution has it: GET with Basic, or POST with a refresh token. */
export async function startTokenIssuer(
  t: ExecutionContext,
  {
    user,
    password,
    isPublic,
  }: { readonly user: string; readonly password: string; readonly isPublic: boolean },
): Promise<TokenIssuer> {
  const { certificate, key } = await createCertificate(t, 'IP:127.0.0.1');
  const [pem, privateKey] = [await readFile(certificate), createPrivateKey(await readFile(key))];
  const chain = [new X509Certificate(pem).raw.toString('base64')];
  const log: AccessEntry[] = [];
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (scope: string, lifeS: number): string => {
    const nowS = Math.floor(Date.now() / 1000);
    const access = scope
      .split(' ')
      .map((each) => /^(?<type>\w+):(?<name>.+):(?<actions>[\w,*]+)$/.exec(each)?.groups)
      .filter((found) => found !== undefined)
      .map(({ type, name, actions = '' }) => ({ type, name, actions: actions.split(',') }));
    const claims = { iss: 'issuer', aud: 'registry', sub: user, jti: randomUUID(), access };
    const text = `${part({ typ: 'JWT', alg: 'ES256', x5c: chain })}.${part({ ...claims, nbf: nowS - 60, iat: nowS, exp: nowS + lifeS })}`;
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };
  const issuer: TokenIssuer = { settings: {}, log, lifeS: 300, token };
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const posted: Buffer[] = [];
    for await (const chunk of request) posted.push(chunk as Buffer);
    const query =
      request.method === 'POST'
        ? new URLSearchParams(Buffer.concat(posted).toString())
        : new URL(request.url ?? '/', 'http://issuer').searchParams;
    const isUser =
      request.method === 'POST'
        ? query.get('refresh_token') === 'identity-token' || query.get('password') === password
        : request.headers.authorization === basic;
    if (!isUser && (!isPublic || request.headers.authorization !== undefined)) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"details":"incorrect username"}');
      return;
    }
    // The issuer narrows what is asked: a stranger may pull only.
    const scope = query.getAll('scope').join(' ');
    const granted = isUser ? scope : scope.replaceAll(/:[\w,*]+(?= |$)/g, ':pull');
    const name = request.method === 'POST' ? 'access_token' : 'token';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ [name]: token(granted, issuer.lifeS), expires_in: issuer.lifeS }));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const { origin } = await listenOnLoopback(t, server, log);
  const settings = {
    realm: `${origin}/token`,
    service: 'registry',
    issuer: 'issuer',
    rootcertbundle: certificate,
  };
  return Object.assign(issuer, { settings });
}
