/** The part of the OCI Distribution Specification that reads: manifests, tags, the catalog, and where blobs are. */
import { LRUCache } from 'lru-cache';

import { configuredHeaders } from '../../auth/configured-credentials.js';
import { registryCredentials } from '../../auth/registry-credentials.js';
import { NotFoundError, SourceError } from '../../errors.js';
import type { HttpCaller, HttpEngine, HttpProfile, HttpRoute } from '../../http/http-engine.js';
import { routeElsewhere } from '../../http/route.js';
import type { OrasSettings } from '../../settings.js';
import { RecentResults } from '../recent-results.js';
import { type Artifact, keptChars, parseArtifact } from './artifact.js';
import { isDigest } from './oras-name.js';
import { checkedDigest, namesOf, nextPage } from './registry-answer.js';
import { explainRegistryRefusal } from './registry-refusal.js';
import { RegistryAuthorizer } from './registry-authorizer.js';

/** Of a manifest, what registries take at least, and most take at most. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Of the manifests that are kept. */
const MAX_KEPT_CHARS = 16 * 1024 * 1024;
const MAX_KEPT = 1_000;
const ACCEPT = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.artifact.manifest.v1+json',
].join(', ');
const HUB = 'registry-1.docker.io';

export class RegistryApi {
  readonly #engine: HttpEngine;
  readonly #host: string;
  readonly #base: URL;
  readonly #settings: OrasSettings;
  readonly #route: HttpRoute | undefined;
  readonly #headers: ReturnType<typeof configuredHeaders> | undefined;
  readonly #authorizers = new LRUCache<string, RegistryAuthorizer>({ max: MAX_KEPT });
  /** By digest: they never change. */
  readonly #artifacts = new LRUCache<string, Artifact>({
    max: MAX_KEPT,
    maxSize: MAX_KEPT_CHARS,
    sizeCalculation: keptChars,
  });
  /** The last digest of a tag. */
  readonly #digests = new LRUCache<string, string>({ max: MAX_KEPT });
  readonly #recent = new RecentResults<Artifact>(MAX_KEPT);
  readonly #repositories = new RecentResults<boolean>(MAX_KEPT);
  #hasRanges: boolean | undefined;

  constructor(engine: HttpEngine, host: string, settings: OrasSettings, route: HttpRoute | undefined) {
    this.#engine = engine;
    this.#host = host;
    this.#settings = settings;
    this.#route = route;
    this.#headers = settings.headers && configuredHeaders(settings.headers);
    const isPlain = settings.plainHttp ?? isLoopback(host);
    this.#base = new URL(`${isPlain ? 'http' : 'https'}://${isHub(host) ? HUB : host}/v2/`);
  }

  /** Whether the registry serves ranges of blobs; undefined: no blob was read yet. */
  get hasRanges(): boolean | undefined {
    return this.#hasRanges;
  }

  noteRanges(hasRanges: boolean): void {
    this.#hasRanges = hasRanges;
  }

  /** What a tag stands for now, or a digest for good. Rejects with NOT_FOUND if there is nothing. */
  async artifact(repository: string, reference: string, caller: HttpCaller): Promise<Artifact> {
    const known = isDigest(reference) ? this.#artifacts.get(`${repository} ${reference}`) : undefined;
    if (known !== undefined) return known;
    return await this.#recent.get(`${repository} ${reference}`, caller, (shared) =>
      this.#fetchArtifact(repository, reference, shared),
    );
  }

  /** Whether it was found before, and may have changed since. */
  wasFound(repository: string, tag: string): boolean {
    return this.#digests.has(`${repository} ${tag}`);
  }

  /** False: there is none, or it may not be pulled. */
  async isRepository(repository: string, caller: HttpCaller): Promise<boolean> {
    return await this.#repositories.get(repository, caller, async (shared) => {
      try {
        await this.#fetchPage(
          this.#url(`${this.#pathOf(repository)}/tags/list?n=1`),
          this.#scopeOf(repository),
          shared,
        );
        return true;
      } catch (error) {
        if (error instanceof SourceError && ['NOT_FOUND', 'ACCESS_DENIED'].includes(error.code)) return false;
        throw error;
      }
    });
  }

  tags(repository: string, caller: HttpCaller): AsyncGenerator<readonly string[]> {
    return this.#pages(
      `${this.#pathOf(repository)}/tags/list?n=1000`,
      'tags',
      this.#scopeOf(repository),
      caller,
    );
  }

  /** The names of all repositories. Many registries have no such list, or not for everyone. */
  catalog(caller: HttpCaller): AsyncGenerator<readonly string[]> {
    return this.#pages('_catalog?n=1000', 'repositories', 'registry:catalog:*', caller);
  }

  blobUrl(repository: string, digest: string): URL {
    return this.#url(`${this.#pathOf(repository)}/blobs/${digest}`);
  }

  /** With what the blobs of a repository are requested. */
  profile(repository: string, url: URL): HttpProfile {
    return this.#profileFor(this.#scopeOf(repository), url);
  }

  async #fetchArtifact(repository: string, reference: string, caller: HttpCaller): Promise<Artifact> {
    const key = `${repository} ${reference}`;
    const before = this.#artifacts.get(`${repository} ${this.#digests.get(key)}`);
    const answer = await this.#engine
      .fetchText(
        {
          ...this.#profileFor(this.#scopeOf(repository), caller.url),
          url: this.#url(`${this.#pathOf(repository)}/manifests/${reference}`),
          header: {
            accept: ACCEPT,
            ...(before === undefined ? {} : { 'if-none-match': `"${before.digest}"` }),
          },
          allowed: before === undefined ? [200] : [200, 304],
        },
        caller,
        MAX_ANSWER_BYTES,
      )
      .catch((error: unknown) => {
        if (error instanceof NotFoundError) this.#digests.delete(key);
        throw error;
      });
    if (answer.status === 304 && before !== undefined) return before;
    const digest = checkedDigest(
      answer.text,
      reference,
      answer.header.get('docker-content-digest'),
      caller.url,
    );
    const artifact = parseArtifact(answer.text, digest, caller.url);
    this.#artifacts.set(`${repository} ${digest}`, artifact);
    if (!isDigest(reference)) this.#digests.set(key, digest);
    return artifact;
  }

  async *#pages(
    path: string,
    member: string,
    scope: string,
    caller: HttpCaller,
  ): AsyncGenerator<readonly string[]> {
    for (let next: URL | undefined = this.#url(path); next !== undefined;) {
      const { text, link, url } = await this.#fetchPage(next, scope, caller);
      yield namesOf(text, member, caller.url);
      next = nextPage(link, url, this.#base, caller.url);
    }
  }

  async #fetchPage(
    url: URL,
    scope: string,
    caller: HttpCaller,
  ): Promise<{ readonly text: string; readonly link: string | null; readonly url: URL }> {
    const request = { ...this.#profileFor(scope, caller.url), url, allowed: [200] };
    const { text, header } = await this.#engine.fetchText(request, caller, MAX_ANSWER_BYTES);
    return { text, link: header.get('link'), url };
  }

  #profileFor(scope: string, url: URL): HttpProfile {
    const authorizer = this.#authorizerFor(scope, url);
    return {
      authorizer,
      ...(this.#route === undefined ? {} : { route: this.#route }),
      explain: (refusal) =>
        refusal.url.origin === this.#base.origin
          ? explainRegistryRefusal(refusal, url, authorizer.notFound)
          : undefined,
      // The URL of a storage behind the registry is valid for a while: the registry gives another one.
      isRetryable: ({ url: from, status }) =>
        from.origin !== this.#base.origin && status === 403 ? true : undefined,
    };
  }

  #authorizerFor(scope: string, url: URL): RegistryAuthorizer {
    const known = this.#authorizers.get(scope);
    if (known !== undefined) return known;
    const [, repository = ''] = /^repository:(.*):pull$/.exec(scope) ?? [];
    const authorizer = new RegistryAuthorizer({
      engine: this.#engine,
      origin: this.#base.origin,
      login: registryCredentials(this.#settings, this.#host, repository),
      headers: this.#headers,
      tokenRoute: routeElsewhere(this.#route),
      url: new URL('/', url),
      scope,
    });
    this.#authorizers.set(scope, authorizer);
    return authorizer;
  }

  /** On Docker Hub, `ubuntu` is `library/ubuntu`. */
  #pathOf(repository: string): string {
    return isHub(this.#host) && !repository.includes('/') ? `library/${repository}` : repository;
  }

  #scopeOf(repository: string): string {
    return `repository:${this.#pathOf(repository)}:pull`;
  }

  #url(path: string): URL {
    return new URL(path, this.#base);
  }
}

function isHub(host: string): boolean {
  return ['docker.io', 'index.docker.io', HUB].includes(host);
}

/** As docker: a registry of this machine has no certificate. */
function isLoopback(host: string): boolean {
  const { hostname } = new URL(`http://${host}`);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}
