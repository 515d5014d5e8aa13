/**
 * What a name is: docs/SEMANTICS.md, "File or directory".
 *
 * A URL has no type, and LOOKUP does not say whether its name is the last one of the path. A name that nothing is
 * known of is *unknown*: a directory without a lifetime to the kernel, until it is used as the last name. Then the
 * source is asked, and where it has a file the kernel walks the path again (ESTALE).
 */
import type {
  DirectoryStat,
  FileStat,
  KnownStat,
  ResourceCache,
  ResourceStat,
} from '../cache/resource-cache.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import { SourceError } from '../source/index.js';
import type { Caller } from './caller.js';
import { hasFileExtension } from './file-extension.js';
import { FileIntents } from './file-intents.js';
import { type FsError, MissingNameError, walkAgain } from './fs-error.js';
import { Guesses } from './guesses.js';
import { RecentFailures } from './recent-failures.js';
import type { ResourcePath } from './resource-path.js';
import { SiblingListing } from './sibling-listing.js';
import type { UsedNames } from './used-names.js';

/** What a name was looked up as, and for how long the kernel may keep it. */
export interface FoundName {
  readonly stat: ResourceStat | 'unknown';
  readonly ttlMs: number;
}

const DIRECTORY: DirectoryStat = { kind: 'directory', lastModifiedMs: undefined };

export class NameRule {
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
    this.#siblings = new SiblingListing(cache, now, budget);
    this.#intents = new FileIntents(budget);
    this.#guesses = new Guesses(budget);
    this.#failures = new RecentFailures(budget);
  }

  /** What the name is to this caller. Throws `MissingNameError` only where a 404 cannot be one on the way to something. */
  async lookup(path: ResourcePath, caller: Caller): Promise<FoundName> {
    const { url } = path;
    this.#guesses.settle(caller.id, path.parentUrl);
    this.#intents.walk(caller.id, url);
    const known = this.#cache.peek(url);
    const isWantedAsFile = path.hasQuery || this.#intents.has(caller.id, url);
    if (isWantedAsFile || (known?.isListed === true && isFile(known.stat))) {
      const stat = await this.#cache.stat(url, caller.signal);
      // What is a file to this caller only must be looked up again by the next one.
      return { stat, ttlMs: isWantedAsFile ? 0 : (known?.ttlMs ?? 0) };
    }
    if (typeof known?.stat === 'object' && known.stat.kind === 'directory') {
      return { stat: known.stat, ttlMs: known.ttlMs };
    }
    if (this.#hasBelow(url)) return { stat: 'unknown', ttlMs: this.#cache.listingTtlMs(url) };
    const found = await this.#ask(path, caller);
    if (found !== undefined) return found;
    this.#guesses.add(caller.id, path.parentUrl, url);
    return { stat: 'unknown', ttlMs: 0 };
  }

  /** The resource at the end of a path. Throws `WALK_AGAIN` if the kernel took for a directory what is a file. */
  async asLastName(path: ResourcePath, isUnknown: boolean, caller: Caller): Promise<ResourceStat> {
    const stat = await this.#statOf(path, isUnknown, caller);
    if (isUnknown && stat.kind === 'file') throw this.#wantedAsFile(path, caller);
    this.#intents.use(caller.id, path.url);
    return stat;
  }

  /** For who insists on a directory: throws if an unknown name certainly is none. `isUnlisted`: listing it is a 404. */
  async asDirectory(path: ResourcePath, caller: Caller, isUnlisted?: boolean): Promise<void> {
    const { url } = path;
    this.use(path, caller);
    if (this.#hasBelow(url)) return;
    let stat: ResourceStat | undefined;
    try {
      stat = await this.#cache.stat(url, caller.signal);
    } catch (error) {
      caller.signal?.throwIfAborted();
      const isMissing = isNotFound(error) && (isUnlisted ?? (await this.#isUnlisted(url, caller)));
      if (isMissing) throw error;
    }
    if (stat !== undefined && this.#isFileOnly(url, stat)) throw this.#wantedAsFile(path, caller);
    this.#used.addDirectory(path);
  }

  /** The caller did something with the resource, which ends its walk. */
  use({ url }: ResourcePath, caller: Caller): void {
    this.#guesses.settle(caller.id, url);
    this.#intents.use(caller.id, url);
  }

  close(): void {
    this.#intents.close();
  }

  /** Asks the source now if that costs nothing in the end, or if the answer is exact. */
  async #ask(path: ResourcePath, caller: Caller): Promise<FoundName | undefined> {
    const { url, parentUrl } = path;
    const wasFile = this.#cache.lastKind(url) === 'file';
    const isListed = wasFile || this.#cache.wasListed(parentUrl);
    const isExact = isListed || this.#guesses.areExhausted(caller.id, parentUrl);
    if (!isExact && !hasFileExtension(path.name)) return undefined;
    try {
      const stat = await this.#cache.stat(url, caller.signal);
      if (stat.kind === 'file' && !this.#isFileOnly(url, stat)) return undefined;
      if (stat.kind === 'file' && !wasFile) this.#siblings.used(url);
      this.#used.add(path, caller.signal);
      return { stat, ttlMs: this.#cache.peek(url)?.ttlMs ?? 0 };
    } catch (error) {
      caller.signal?.throwIfAborted();
      if (isNotFound(error) && isExact) {
        // What a caller gets only because of its own guesses is not for the others.
        throw new MissingNameError(path.path, isListed ? (this.#cache.peek(url)?.ttlMs ?? 0) : 0);
      }
      if (wasFile) throw error;
      this.#failures.note(caller.id, url, error);
      return undefined;
    }
  }

  async #statOf(path: ResourcePath, isUnknown: boolean, caller: Caller): Promise<ResourceStat> {
    const { url } = path;
    this.#guesses.settle(caller.id, url);
    try {
      const failure = this.#failures.take(caller.id, url);
      if (failure !== undefined) throw failure;
      const stat = await this.#cache.stat(url, caller.signal);
      this.#used.add(path, caller.signal);
      return stat;
    } catch (error) {
      if (isUnknown && isDenial(error) && this.#hasBelow(url)) return DIRECTORY;
      throw error;
    }
  }

  async #isUnlisted(url: string, caller: Caller): Promise<boolean> {
    try {
      await this.#cache.list(url, caller.signal);
      return false;
    } catch (error) {
      caller.signal?.throwIfAborted();
      return isNotFound(error);
    }
  }

  /** Whether it is a file to everybody, which nobody walks through. */
  #isFileOnly(url: string, stat: ResourceStat): stat is FileStat {
    if (stat.kind !== 'file' || this.#hasBelow(url)) return false;
    return stat.isPage !== true || this.#cache.lastKind(url) === 'file';
  }

  #hasBelow(url: string): boolean {
    return this.#used.isDirectory(url) || this.#cache.wasListed(url);
  }

  #wantedAsFile(path: ResourcePath, caller: Caller): FsError {
    this.#intents.mark(caller.id, path.url);
    this.#siblings.used(path.url);
    return walkAgain(path.path);
  }
}

function isFile(stat: KnownStat['stat']): boolean {
  return stat === 'unknown-file' || (typeof stat === 'object' && stat.kind === 'file');
}

function isNotFound(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'NOT_FOUND';
}

/** The source has nothing under the name, or shows nothing. */
function isDenial(error: unknown): boolean {
  return error instanceof SourceError && (error.code === 'NOT_FOUND' || error.code === 'ACCESS_DENIED');
}
