import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { Evicted } from './evicted.js';
import type { Freshness } from './freshness.js';
import type { VersionContext } from './version.js';
import { Resource, type ResourceContext } from './resource.js';

/** The resources that something is known of, as many as the budget has room for. */
export class ResourceTable implements ResourceContext {
  readonly freshness: Freshness;
  readonly versions: VersionContext;
  readonly onChanged: (url: string) => void;
  readonly #budget: MetadataBudget;
  readonly #resources = new Map<string, Resource>();

  constructor(versions: VersionContext, freshness: Freshness, onChanged: (url: string) => void) {
    this.freshness = freshness;
    this.versions = versions;
    this.onChanged = onChanged;
    this.#budget = versions.budget;
  }

  /** Counts as a use. */
  get(url: string): Resource | undefined {
    const resource = this.#resources.get(url);
    if (resource !== undefined) this.#budget.touch(resource);
    return resource;
  }

  /** One that nothing is known of may be evicted, unless it is held. */
  of(url: string): Resource {
    const known = this.get(url);
    if (known !== undefined) return known;
    const resource = new Resource(url, this);
    this.#resources.set(url, resource);
    this.#budget.add(resource);
    return resource;
  }

  /** The files among these URLs. */
  filesOf(isMeant: (url: string) => boolean): Resource[] {
    return [...this.#resources.values()].filter(({ file, url }) => file !== undefined && isMeant(url));
  }

  /**
   * The next use of each of these URLs queries the source, of files by a conditional request. Returns the files among them, and
   * may forget the rest.
   */
  expire(isMeant: (url: string) => boolean): Resource[] {
    for (const [url, resource] of this.#resources) {
      if (!isMeant(url)) continue;
      resource.expire();
      if (resource.isUnused) this.remove(resource);
    }
    return this.filesOf(isMeant);
  }

  /** The next use of each URL with the prefix finds nothing; what is in flight ends for those who wait. */
  forget(prefix: string): void {
    for (const [url, resource] of this.#resources) {
      if (!url.startsWith(prefix)) continue;
      this.remove(resource);
      resource.detach();
    }
  }

  /** Removes the blocks of these URLs from memory; those that are needed now when they are needed no more. */
  dropBlocks(isMeant: (url: string) => boolean): Evicted {
    let [files, bytes] = [0, 0];
    for (const [url, resource] of this.#resources) {
      if (!isMeant(url)) continue;
      const dropped = resource.dropBlocks();
      files += dropped.files;
      bytes += dropped.bytes;
    }
    return { files, bytes };
  }

  remove(resource: Resource): void {
    if (!resource.isKept) return;
    resource.isKept = false;
    this.#resources.delete(resource.url);
    this.#budget.remove(resource);
  }
}
