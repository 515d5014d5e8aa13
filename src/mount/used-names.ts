import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { ResourcePath } from './resource-path.js';

/** Names remembered for a directory that cannot be listed. */
const MAX_NAMES = 1_000;
/** A set, and a slot of it. */
const [SET_BYTES, SLOT_BYTES] = [200, 30];

interface Used {
  readonly names: Set<string>;
  bytes: number;
}

/** The names that turned out to exist, by directory: what is shown of one that cannot be listed. */
export class UsedNames {
  /** By the URL (or `scheme:`) of the directory. */
  readonly #byDirectory: BoundedMap<Used>;

  constructor(budget: MetadataBudget) {
    this.#byDirectory = new BoundedMap({ budget, bytesOf: ({ bytes }) => bytes });
  }

  /** A resource turned out to exist: its host, and the names on the way to it, are worth showing. */
  add(path: ResourcePath): void {
    this.#add(`${path.scheme}:`, path.host);
    const hostUrl = `${path.scheme}://${path.host}`;
    let parent = hostUrl;
    const [below = ''] = path.url.slice(hostUrl.length + 1).split('?', 1);
    for (const segment of below.split('/')) {
      if (segment === '') continue;
      this.#add(parent, segment);
      parent = `${parent}/${segment}`;
    }
  }

  /** The host was used. */
  addHost({ scheme, host }: ResourcePath): void {
    this.#add(`${scheme}:`, host);
  }

  /** Somebody was let in where nothing is known to be. */
  addDirectory({ url }: ResourcePath): void {
    if (!this.#byDirectory.has(url)) this.#byDirectory.set(url, { names: new Set(), bytes: SET_BYTES });
  }

  /** Whether something was used below it, or somebody was let in. */
  isDirectory(url: string): boolean {
    return this.#byDirectory.get(url) !== undefined;
  }

  /** `directory`: a URL, or `scheme:`. */
  in(directory: string): string[] {
    return [...(this.#byDirectory.get(directory)?.names ?? [])];
  }

  #add(directory: string, name: string): void {
    const used = this.#byDirectory.get(directory) ?? { names: new Set<string>(), bytes: SET_BYTES };
    if (used.names.has(name) || used.names.size >= MAX_NAMES) return;
    used.names.add(name);
    used.bytes += SLOT_BYTES + stringBytes(name);
    this.#byDirectory.set(directory, used);
  }
}
