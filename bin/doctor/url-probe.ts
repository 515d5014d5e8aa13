/** Queries URLs as a mount would: through their sources, with the configured credentials. */
import { pino } from 'pino';

import { codeOf, messageOf } from '../../src/error-code.js';
import { SourceError } from '../../src/source/errors.js';
import type { Metadata } from '../../src/source/metadata.js';
import { isWeakEtag, Request } from '../../src/source/request.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { redactUrl } from '../../src/source/safe-text.js';
import { SourceRules } from '../../src/source/source-rules.js';
import type { HttpSettings, SourceSettings } from '../../src/source/settings.js';
import { composeSources, type Sources } from '../compose-sources.js';
import type { Configuration } from '../config/configuration.js';
import { LiveConfiguration } from '../config/live-configuration.js';

const LIMIT_MS = 10_000;
const MAX_URLS = 32;
const FIRST_BYTE = { start: 0, end: 1 };

export interface UrlProbe {
  /** With what may be secret in it: for requests alone. */
  readonly url: URL;
  readonly shown: string;
  /** It stands for a rule: that it may be missing says nothing. */
  readonly isOfRule: boolean;
  readonly settings: SourceSettings | HttpSettings;
  /** Undefined: it failed. */
  readonly metadata: Omit<Metadata, 'response'> | undefined;
  readonly error: SourceError | undefined;
  readonly ms: number;
  /** What a server makes of an `If-Match` that cannot be true. Undefined: it was not tried. */
  readonly precondition: 'honoured' | 'ignored' | undefined;
  /** Whom its requests of HTTP went to. */
  readonly origins: readonly string[];
}

/** `given`: none: those that the rules of sources stand for. */
export async function probeUrls(
  configuration: Configuration,
  given: readonly string[],
): Promise<readonly UrlProbe[]> {
  const urls = given.length > 0 ? given : urlsOfRules(configuration);
  const rules = new SourceRules(configuration.rules);
  return await Promise.all(
    [...new Set(urls)].slice(0, MAX_URLS).map(async (text) => {
      const url = new URL(text);
      const rest = {
        url,
        shown: redactUrl(url),
        isOfRule: given.length === 0,
        settings: rules.settingsFor(url),
      };
      return { ...rest, ...(await probe(configuration, url)) };
    }),
  );
}

/** Of those that name a host, and not a pattern of some. */
function urlsOfRules({ rules }: Configuration): string[] {
  return rules.flatMap(({ match: { schemes = [], host, path } }) =>
    host === undefined || host.includes('*')
      ? []
      : schemes.map((scheme) => `${scheme}://${host}${path ?? '/'}`).filter((url) => URL.canParse(url)),
  );
}

type Probed = Pick<UrlProbe, 'metadata' | 'error' | 'ms' | 'precondition' | 'origins'>;

/** Each with sources of its own, so that it is known whom its requests went to. */
async function probe(configuration: Configuration, url: URL): Promise<Probed> {
  const options = { ...configuration.options, timeout: LIMIT_MS, retries: 0, offline: false };
  const sources = composeSources(
    new LiveConfiguration({ ...configuration, options }),
    pino({ level: 'silent' }),
  );
  const signal = AbortSignal.timeout(LIMIT_MS);
  const beganMs = performance.now();
  try {
    const metadata = await metadataOf(sources, new Request(url, { signal }));
    const ms = performance.now() - beganMs;
    const client = await sources.clientFor(url.href);
    return {
      metadata,
      error: undefined,
      ms,
      precondition: await preconditionOf(client, url, metadata, signal),
      origins: originsOf(sources),
    };
  } catch (error) {
    return {
      metadata: undefined,
      error: asSourceError(error, url),
      ms: performance.now() - beganMs,
      precondition: undefined,
      origins: originsOf(sources),
    };
  } finally {
    await sources.close();
  }
}

/** What a directory of a bucket or hub is known to be, no request has shown: it is listed. */
async function metadataOf({ clientFor, registry }: Sources, request: Request): Promise<UrlProbe['metadata']> {
  const client = await clientFor(request.url.href);
  const { response, ...metadata } = await client.getMetadata(request);
  response?.cancel();
  const scheme = request.url.protocol.slice(0, -1);
  if (metadata.kind === 'directory' && registry.capabilitiesOf(scheme).isHierarchical)
    await listFirst(client, request);
  return metadata;
}

const ENOUGH = new Error('one page is enough');

async function listFirst(client: CompleteClient, request: Request): Promise<void> {
  try {
    await client.list(request, () => Promise.reject(ENOUGH));
  } catch (error) {
    if (error === ENOUGH || (error instanceof Error && error.cause === ENOUGH)) return;
    if (error instanceof SourceError && error.code === 'LIST_NOT_SUPPORTED') return;
    throw error;
  }
}

/** A tag that no version has: a server that honours it answers 412. */
const NO_VERSION = '"d7y-mount-doctor"';

async function preconditionOf(
  client: CompleteClient,
  url: URL,
  metadata: UrlProbe['metadata'],
  signal: AbortSignal,
): Promise<UrlProbe['precondition']> {
  const { kind, etag } = metadata ?? {};
  if (kind !== 'file' || etag === undefined || isWeakEtag(etag) || !/^https?:$/.test(url.protocol))
    return undefined;
  const request = new Request(url, { range: FIRST_BYTE, pin: { etag: NO_VERSION }, signal });
  try {
    (await client.download(request)).cancel();
    return 'ignored';
  } catch (error) {
    if (!(error instanceof SourceError) || error.code !== 'CHANGED') return undefined;
    return error.status === 412 ? 'honoured' : 'ignored';
  }
}

function originsOf({ activity }: Sources): string[] {
  return activity.report.hosts.flatMap(({ host, isEncrypted }) =>
    isEncrypted === undefined ? [] : [new URL(`${isEncrypted ? 'https' : 'http'}://${host}`).origin],
  );
}

function asSourceError(error: unknown, url: URL): SourceError {
  if (error instanceof SourceError) {
    if (error.code !== 'INTERRUPTED') return error;
    return new SourceError('TIMEOUT', `no answer within ${LIMIT_MS / 1000} s`, url);
  }
  return new SourceError('CLIENT_FAULT', messageOf(error), url, { found: codeOf(error), cause: error });
}
