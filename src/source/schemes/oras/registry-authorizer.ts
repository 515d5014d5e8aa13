/** Authorizes requests to one repository of a registry, as docker does ("Token Authentication Specification" of distribution). */
import { type Challenge, parseChallenges } from '../../auth/challenge.js';
import type { CredentialProvider } from '../../auth/credentials.js';
import type { RegistryLogin } from '../../auth/docker-config.js';
import { ProtocolError, SourceError } from '../../errors.js';
import type { Authorization, Authorizer, AuthorizableRequest } from '../../http/authorizer.js';
import type { HttpEngine, HttpRequest, HttpRoute } from '../../http/http-engine.js';
import type { Refusal } from '../../http/refusal.js';
import { Request } from '../../request.js';

/** As docker: a service that says nothing else means a minute. */
const DEFAULT_LIFE_S = 60;
/** Of the life of a token, at its end, in which it is not used. */
const MARGIN = 0.1;
/** A token as young as this is not why a request was refused that began before it came. */
const YOUNG_MS = 1_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

interface Token {
  readonly text: string;
  readonly fetchedAtMs: number;
  readonly expiresAtMs: number;
}

export interface RegistryAccess {
  readonly engine: HttpEngine;
  readonly origin: string;
  readonly login: CredentialProvider<RegistryLogin>;
  readonly headers: CredentialProvider<{ readonly header: Readonly<Record<string, string>> }> | undefined;
  /** To the service that issues tokens. */
  readonly tokenRoute: HttpRoute | undefined;
  /** For errors. */
  readonly url: URL;
  /** What is requested if the challenge does not say. */
  readonly scope: string;
}

export class RegistryAuthorizer implements Authorizer {
  readonly #access: RegistryAccess;
  #challenge: Challenge | undefined;
  #token: Token | undefined;
  #fetching: Promise<Token> | undefined;

  constructor(access: RegistryAccess) {
    this.#access = access;
  }

  /** Where logins were looked for, if there is none. */
  get notFound(): string | undefined {
    return this.#access.login.notFound;
  }

  async authorize({ url }: AuthorizableRequest, signal?: AbortSignal): Promise<Authorization | undefined> {
    const { origin, headers } = this.#access;
    if (url.origin !== origin) return undefined;
    const configured = (await headers?.get(signal))?.header;
    const authorization = await this.#authorization(signal);
    return { header: { ...configured, ...(authorization === undefined ? {} : { authorization }) } };
  }

  async refused({ status, url, header }: Refusal, signal?: AbortSignal): Promise<boolean> {
    if (status !== 401 || url.origin !== this.#access.origin) return false;
    const challenges = parseChallenges(header.get('www-authenticate'));
    const before = this.#challenge;
    this.#challenge =
      challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined) ??
      challenges.find(({ scheme }) => scheme === 'basic');
    if (this.#challenge === undefined) return false;
    if (this.#challenge.scheme === 'bearer') {
      if (this.#token !== undefined && Date.now() - this.#token.fetchedAtMs > YOUNG_MS)
        this.#token = undefined;
      await this.#currentToken();
      return true;
    }
    const { login } = this.#access;
    const known = await login.get(signal);
    if (before?.scheme !== 'basic') return known !== undefined && 'password' in known;
    if (known !== undefined) login.refused(known);
    return known !== (await login.get(signal));
  }

  /** Nothing is sent before the registry demands it. */
  async #authorization(signal: AbortSignal | undefined): Promise<string | undefined> {
    const login = await this.#access.login.get(signal);
    if (login !== undefined && 'registryToken' in login) return `Bearer ${login.registryToken}`;
    if (this.#challenge?.scheme === 'bearer') return `Bearer ${(await this.#currentToken()).text}`;
    return this.#challenge?.scheme === 'basic' ? basicOf(login) : undefined;
  }

  async #currentToken(): Promise<Token> {
    if (this.#token !== undefined && Date.now() < this.#token.expiresAtMs) return this.#token;
    this.#fetching ??= this.#fetchToken().finally(() => {
      this.#fetching = undefined;
    });
    return await this.#fetching;
  }

  async #fetchToken(): Promise<Token> {
    const { login } = this.#access;
    const known = await login.get();
    try {
      this.#token = await this.#requestToken(known);
    } catch (error) {
      const isRefused = error instanceof SourceError && error.code === 'ACCESS_DENIED';
      if (!isRefused || known === undefined) throw error;
      login.refused(known);
      const next = await login.get();
      if (next === known) throw error;
      this.#token = await this.#requestToken(next);
    }
    return this.#token;
  }

  async #requestToken(login: RegistryLogin | undefined): Promise<Token> {
    const { engine, url, tokenRoute: route } = this.#access;
    const fetchedAtMs = Date.now();
    const request: HttpRequest = {
      ...this.#tokenRequest(login),
      ...(route === undefined ? {} : { route }),
      allowed: [200],
      explain: (refusal) => this.#explain(refusal),
    };
    const { text } = await engine.fetchText(request, new Request(url), MAX_ANSWER_BYTES);
    const { token, access_token: access, expires_in: given } = objectOf(text);
    const value = typeof token === 'string' && token !== '' ? token : access;
    if (typeof value !== 'string' || value === '') {
      throw new ProtocolError('the token service gives no token', url, {
        expected: 'JSON with a token',
        found: 'another text',
      });
    }
    const lifeS = typeof given === 'number' && given > 0 ? given : DEFAULT_LIFE_S;
    return { text: value, fetchedAtMs, expiresAtMs: fetchedAtMs + lifeS * 1_000 * (1 - MARGIN) };
  }

  #tokenRequest(login: RegistryLogin | undefined): Pick<HttpRequest, 'url' | 'method' | 'header' | 'body'> {
    const { realm = '', service, scope = this.#access.scope } = this.#challenge?.parameters ?? {};
    const url = this.#realmUrl(realm);
    const fields = new URLSearchParams({ ...(service === undefined ? {} : { service }), scope });
    if (login !== undefined && 'identityToken' in login) {
      fields.set('grant_type', 'refresh_token');
      fields.set('client_id', 'd7y-mount');
      fields.set('refresh_token', login.identityToken);
      const body = { type: 'application/x-www-form-urlencoded', text: fields.toString() };
      return { url, method: 'POST', body };
    }
    for (const [name, value] of fields) url.searchParams.append(name, value);
    const authorization = basicOf(login);
    return { url, ...(authorization === undefined ? {} : { header: { authorization } }) };
  }

  /** A login for a registry that is spoken to over https goes nowhere in the clear. */
  #realmUrl(realm: string): URL {
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    const isSecure = url?.protocol === 'https:';
    if (
      url !== undefined &&
      (isSecure || (url.protocol === 'http:' && this.#access.origin.startsWith('http:')))
    )
      return url;
    throw new ProtocolError('the registry names no token service', this.#access.url, {
      expected: 'the https URL of one',
      found: url?.protocol ?? 'another text',
    });
  }

  #explain({ status }: Refusal): SourceError | undefined {
    if (status !== 400 && status !== 401 && status !== 403) return undefined;
    return new SourceError('ACCESS_DENIED', 'the token service of the registry refuses', this.#access.url, {
      expected: this.notFound === undefined ? 'a login that it accepts' : 'a login',
      found: [`status ${status}`, this.notFound].filter((part) => part !== undefined).join('; '),
      status,
    });
  }
}

function basicOf(login: RegistryLogin | undefined): string | undefined {
  if (login === undefined || !('password' in login)) return undefined;
  return `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null;
    return value ?? {};
  } catch {
    return {};
  }
}
