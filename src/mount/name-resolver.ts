/**
 * File or directory (docs/SEMANTICS.md, "File or directory"). LOOKUP does not say whether its name is the last one of the path: a
 * name without metadata is *unknown*, to the kernel a directory without a lifetime. When it is used as the last one the source is
 * queried, and for a file the kernel retries the lookup (ESTALE).
 */
import type {
  DirectoryStat,
  FileStat,
  KnownStat,
  ResourceCache,
  ResourceStat,
} from '../cache/resource-cache.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { Awaitable } from '../awaitable.js';
import { SourceError, type SourceErrorCode } from '../source/index.js';
import type { Caller } from './caller.js';
import { FileIntents } from './file-intents.js';
import { FsError, MissingNameError } from './fs-error.js';
import { Guesses } from './guesses.js';
import { hasFileExtension } from './path-name.js';
import { RecentFailures } from './recent-failures.js';
import type { ResourcePath } from './resource-path.js';
import { SiblingListing } from './sibling-listing.js';
import type { UsedNames } from './used-names.js';

/** The result of a lookup, and for how long the kernel may keep it. */
export interface FoundName {
  readonly stat: ResourceStat | 'unknown';
  readonly ttlMs: number;
}

/**
 * Of a name below which something was used. Each open of a file looks all its directories up that have no lifetime: 0.04 ms of
 * processor time, and a way to the mount and back, for each.
 */
const USED_BELOW_TTL_MS = 1_000;

const DIRECTORY: DirectoryStat = { kind: 'directory', lastModifiedMs: undefined };

export class NameResolver {
  readonly #cache: ResourceCache;
  readonly #used: UsedNames;
  readonly #siblings: SiblingListing;
  readonly #intents: FileIntents;
  readonly #guesses: Guesses;
  readonly #failures: RecentFailures;

  constructor(
    cache: ResourceCache,
    used: UsedNames,
    now: (() => number) | undefined,
    budget: MetadataBudget,
  ) {
    this.#cache = cache;
    this.#used = used;
    this.#siblings = new SiblingListing(cache, budget, now);
    this.#intents = new FileIntents(budget);
    this.#guesses = new Guesses(budget);
    this.#failures = new RecentFailures(budget);
  }

  /** For LOOKUP. Throws `MissingNameError` only where a path cannot lead through the name. */
  lookup(path: ResourcePath, caller: Caller): Awaitable<FoundName> {
    const { url } = path;
    if (path.capabilities.isHierarchical) return this.#lookupExact(path, caller);
    this.#guesses.settle(caller.id, path.parentUrl);
    const isRetried = this.#intents.has(caller.id, url);
    if (!isRetried) this.#intents.settle(caller.id, url);
    this.#failures.take(caller.id, url);
    const known = this.#cache.peek(url);
    const isExpectedFile = path.hasQuery || isRetried;
    if (isExpectedFile || (known?.isListed === true && isFile(known.stat))) {
      // For other callers it may be a directory.
      const ttlMs = isExpectedFile ? 0 : (known?.ttlMs ?? 0);
      if (isWhole(known?.stat)) return { stat: known.stat, ttlMs };
      return this.#cache.stat(url, caller).then((stat) => ({ stat, ttlMs }));
    }
    if (typeof known?.stat === 'object' && this.#isCertain(url, known.stat)) {
      return { stat: known.stat, ttlMs: known.ttlMs };
    }
    if (this.#hasBelow(url)) {
      return { stat: 'unknown', ttlMs: Math.max(this.#cache.listingTtlMs(url), USED_BELOW_TTL_MS) };
    }
    return this.#query(path, caller).then((found) => {
      if (found !== undefined) return found;
      this.#guesses.add(caller.id, path.parentUrl, url);
      return { stat: 'unknown', ttlMs: 0 };
    });
  }

  /** For a use of the last name of a path. Throws `RETRY_LOOKUP` if an unknown name turns out to be a file. */
  async statLastName(path: ResourcePath, isUnknown: boolean, caller: Caller): Promise<ResourceStat> {
    const { url } = path;
    const isRetry = caller.id > 0 && this.#intents.has(caller.id, url);
    const stat = await this.#statOf(path, isUnknown, caller);
    if (!isUnknown || stat.kind === 'directory') return stat;
    // The retry made no lookup: the path is `.`, the working directory.
    if (isRetry && this.#hasBelow(url)) return DIRECTORY;
    throw this.#retryAsFile(path, caller);
  }

  /**
   * Of a directory that was looked up. Undefined: its source is not queried, or does not show it now. What a name without a lookup
   * leads to stays as it is: the root of the mount, and hosts.
   */
  async statDirectory(path: ResourcePath, caller: Caller): Promise<DirectoryStat | undefined> {
    this.use(path, caller);
    if (!path.capabilities.isHierarchical || path.isTop) return undefined;
    const stat = await this.#cache.stat(path.url, caller).catch(() => undefined);
    return stat?.kind === 'directory' ? stat : undefined;
  }

  /** For uses of an unknown name as a directory. Throws if it is none. `isUnlisted`: the source answered its listing with 404. */
  async checkDirectory(path: ResourcePath, caller: Caller, isUnlisted?: boolean): Promise<void> {
    const { url } = path;
    const failure = this.use(path, caller);
    if (this.#hasBelow(url)) return;
    try {
      if (failure !== undefined) throw failure;
      const stat = await this.#cache.stat(url, caller);
      if (this.#isFileOnly(url, stat)) throw this.#retryAsFile(path, caller);
    } catch (error) {
      if (!mayBeDirectory(error)) throw error;
      if (isNotFound(error) && (isUnlisted ?? (await this.#isUnlisted(url, caller)))) throw error;
    }
    this.#used.addDirectory(url);
  }

  /** Throws `NOT_DIRECTORY` for what is a file to all callers, and what the source throws. A host is a directory. */
  async checkRoot(
    { scheme, host, url, path, capabilities }: ResourcePath,
    signal: AbortSignal,
  ): Promise<void> {
    if (url === `${scheme}://${host}`) return;
    const stat = await this.#cache.stat(url, { signal }).catch(async (error: unknown) => {
      if (capabilities.isHierarchical || !isNotFound(error)) throw error;
      // It may be there with a slash at its end.
      if (await this.#isUnlisted(url, { id: 0, signal })) throw error;
      return undefined;
    });
    if (stat !== undefined && this.#isFileOnly(url, stat))
      throw new FsError('NOT_DIRECTORY', path, 'is a file');
  }

  /** Throws the failure of the caller's LOOKUP if the listing would fail, too: the caller would wait for it twice. */
  checkLookup({ url }: ResourcePath, caller: Caller): void {
    const failure = this.#failures.take(caller.id, url);
    if (failure === undefined) return;
    if (!mayBeDirectory(failure)) throw failure;
    this.#failures.add(caller.id, url, failure);
  }

  /** The caller looked the path up to the end, and uses it. Returns the failure of its last LOOKUP. */
  use({ url }: ResourcePath, caller: Caller): Error | undefined {
    this.#guesses.settle(caller.id, url);
    this.#intents.settle(caller.id, url);
    return this.#failures.take(caller.id, url);
  }

  /** The caller is about to look the URL up as a file. */
  set onIntent(onIntent: FileIntents['onMarked']) {
    this.#intents.onMarked = onIntent;
  }

  restoreIntent(caller: number, url: string): void {
    this.#intents.mark(caller, url);
  }

  close(): void {
    this.#intents.close();
  }

  /** What a hierarchical source answers, or its listing, is final for all callers. */
  #lookupExact(path: ResourcePath, caller: Caller): Awaitable<FoundName> {
    const { url } = path;
    this.#failures.take(caller.id, url);
    const known = this.#cache.peek(url);
    if (isWhole(known?.stat)) return { stat: known.stat, ttlMs: known.ttlMs };
    const isListedOnly = !path.hasQuery && path.capabilities.mayBeUnlisted?.(path.name) !== true;
    const missingTtlMs = known === undefined && isListedOnly ? this.#cache.unlistedTtlMs(url) : 0;
    if (missingTtlMs > 0) throw new MissingNameError(path.path, missingTtlMs);
    return this.#queryExact(path, caller, known);
  }

  async #queryExact(path: ResourcePath, caller: Caller, known: KnownStat | undefined): Promise<FoundName> {
    const { url } = path;
    try {
      const stat = await this.#cache.stat(url, caller);
      if (known === undefined) this.#used.add(path, caller);
      if (known === undefined && stat.kind === 'file' && !path.hasQuery) this.#siblings.used(url);
      return { stat, ttlMs: known?.ttlMs ?? this.#cache.ttlLeftMs(url) };
    } catch (error) {
      if (isNotFound(error)) throw new MissingNameError(path.path, this.#cache.ttlLeftMs(url));
      if (!hidesBelow(error) || this.#cache.lastKind(url) === 'file') throw error;
      this.#failures.add(caller.id, url, error);
      return { stat: 'unknown', ttlMs: 0 };
    }
  }

  /** Queries the source at LOOKUP if the use that follows needs the metadata anyway, or if a 404 is final. */
  async #query(path: ResourcePath, caller: Caller): Promise<FoundName | undefined> {
    const { url, parentUrl } = path;
    const wasFile = this.#cache.lastKind(url) === 'file';
    const isListed = wasFile || this.#cache.wasListed(parentUrl);
    const isExact = isListed || this.#guesses.areExhausted(caller.id, parentUrl);
    if (!isExact && !hasFileExtension(path.name)) return undefined;
    try {
      const stat = await this.#cache.stat(url, caller);
      if (stat.kind === 'file' && !this.#isFileOnly(url, stat)) return undefined;
      if (stat.kind === 'file' && !wasFile) this.#siblings.used(url);
      this.#used.add(path, caller);
      return { stat, ttlMs: this.#cache.ttlLeftMs(url) };
    } catch (error) {
      caller.signal?.throwIfAborted();
      if (isNotFound(error) && isExact) {
        this.#guesses.settle(caller.id, url);
        // The kernel keeps it for all callers, not only for the one that guessed.
        throw new MissingNameError(path.path, isListed ? this.#cache.ttlLeftMs(url) : 0);
      }
      if (wasFile) throw error;
      this.#failures.add(caller.id, url, error);
      return undefined;
    }
  }

  async #statOf(path: ResourcePath, isUnknown: boolean, caller: Caller): Promise<ResourceStat> {
    const { url } = path;
    const failure = this.use(path, caller);
    try {
      if (failure !== undefined) throw failure;
      const stat = await this.#cache.stat(url, caller);
      this.#used.add(path, caller);
      return stat;
    } catch (error) {
      if (isUnknown && isDenial(error) && this.#hasBelow(url)) return DIRECTORY;
      throw error;
    }
  }

  async #isUnlisted(url: string, caller: Caller): Promise<boolean> {
    try {
      (await this.#cache.openListing(url, caller.signal)).close();
      return false;
    } catch (error) {
      if (!mayBeDirectory(error)) throw error;
      return isNotFound(error);
    }
  }

  /** Whether all callers get the same: no use of the name can make it something else. */
  #isCertain(url: string, stat: ResourceStat): boolean {
    return stat.kind === 'directory' || this.#isFileOnly(url, stat);
  }

  /** Whether it is a file for all callers: nothing lies below its URL. */
  #isFileOnly(url: string, stat: ResourceStat): stat is FileStat {
    if (stat.kind !== 'file' || this.#hasBelow(url)) return false;
    return stat.isPage !== true || this.#cache.lastKind(url) === 'file';
  }

  #hasBelow(url: string): boolean {
    return this.#used.isDirectory(url) || this.#cache.wasListed(url);
  }

  #retryAsFile(path: ResourcePath, caller: Caller): FsError {
    this.#intents.mark(caller.id, path.url);
    this.#siblings.used(path.url);
    return new FsError('RETRY_LOOKUP', path.path, 'is a file, not a directory');
  }
}

function isFile(stat: KnownStat['stat']): boolean {
  return stat === 'unknown-file' || (typeof stat === 'object' && stat.kind === 'file');
}

/** Nothing of it has to be waited for. */
function isWhole(stat: KnownStat['stat'] | undefined): stat is ResourceStat {
  return typeof stat === 'object' && (stat.kind === 'directory' || stat.size !== undefined);
}

function isNotFound(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'NOT_FOUND';
}

/** What the source may answer for a directory that it does not list, or a client that sends no requests (`--offline`). */
const MAY_BE_DIRECTORY: ReadonlySet<string> = new Set<SourceErrorCode>([
  'NOT_FOUND',
  'IS_DIRECTORY',
  'ACCESS_DENIED',
  'INSECURE_REDIRECT',
  'NETWORK_UNREACHABLE',
  'PROTOCOL',
  'UNEXPECTED_STATUS',
  'INVALID_REQUEST',
  'LIST_NOT_SUPPORTED',
]);

function mayBeDirectory(error: unknown): error is SourceError {
  return error instanceof SourceError && MAY_BE_DIRECTORY.has(error.code);
}

/** What lies below the name may be readable all the same: by other rights, or (`--offline`) because it is cached. */
function hidesBelow(error: unknown): boolean {
  return (
    error instanceof SourceError && (error.code === 'ACCESS_DENIED' || error.code === 'NETWORK_UNREACHABLE')
  );
}

/** The source has no such resource, or does not show it. */
function isDenial(error: unknown): boolean {
  return error instanceof SourceError && (error.code === 'NOT_FOUND' || error.code === 'ACCESS_DENIED');
}
