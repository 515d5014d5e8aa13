import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { FileMetadata } from './file-metadata.js';
import type { FreshnessLimits } from './freshness.js';
import { Resource, type ResourceContext } from './resource.js';

export interface ResourceTableOptions {
  readonly limits: () => FreshnessLimits;
  readonly budget: MetadataBudget;
  readonly now: () => number;
  readonly onChanged: (resource: Resource, old: FileMetadata) => void;
}

/** The resources that something is known of, as many as the budget has room for. */
export class ResourceTable {
  readonly #budget: MetadataBudget;
  readonly #context: ResourceContext;
  readonly #resources = new Map<string, Resource>();

  constructor({ limits, budget, now, onChanged }: ResourceTableOptions) {
    this.#budget = budget;
    this.#context = {
      limits,
      now,
      onChanged,
      resize: (resource, bytes) => {
        if (this.#has(resource)) budget.resize(resource, bytes);
      },
      hold: (resource) => {
        if (this.#has(resource)) budget.hold(resource);
      },
      release: (resource) => {
        if (this.#has(resource)) budget.release(resource);
      },
      remove: (resource) => this.#remove(resource),
    };
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
    const resource = new Resource(url, this.#context);
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
      if (resource.file === undefined) this.#remove(resource);
    }
    return this.filesOf(isMeant);
  }

  /** The next use of each URL with the prefix finds nothing; what is in flight ends for those who wait. */
  forget(prefix: string): void {
    for (const [url, resource] of this.#resources) {
      if (!url.startsWith(prefix)) continue;
      resource.query?.detach();
      this.#remove(resource);
      if (resource.file !== undefined) this.#context.onChanged(resource, resource.file);
    }
  }

  #has(resource: Resource): boolean {
    return this.#resources.get(resource.url) === resource;
  }

  #remove(resource: Resource): void {
    if (!this.#has(resource)) return;
    this.#resources.delete(resource.url);
    this.#budget.remove(resource);
  }
}
