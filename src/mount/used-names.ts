import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import { uidOf } from '../source/index.js';
import type { Caller } from './caller.js';
import type { ResourcePath } from './resource-path.js';

/** Names remembered for a directory that cannot be listed. */
const MAX_NAMES = 1_000;
/** A set, and a slot of it. */
const [SET_BYTES, SLOT_BYTES] = [200, 30];

interface Used {
  readonly names: Set<string>;
  bytes: number;
}

/**
 * The names that turned out to exist, by directory: the entries of one that cannot be listed. With `--allow-other` each
 * user is shown the names that this user used.
 */
export class UsedNames {
  /** By the URL (or `scheme:`) of the directory, and also by that with the uid of a user before it. */
  readonly #byDirectory: BoundedMap<Used>;

  constructor(budget: MetadataBudget) {
    this.#byDirectory = new BoundedMap({ budget, bytesOf: ({ bytes }) => bytes });
  }

  /** A resource turned out to exist: its host, and the names on the way to it, are worth showing. */
  add(path: ResourcePath, { uid }: Pick<Caller, 'uid'>): void {
    this.#addFor(uid, `${path.scheme}:`, path.host);
    const hostUrl = `${path.scheme}://${path.host}`;
    let parent = hostUrl;
    // A name with a query is none to show.
    const url = path.hasQuery ? path.parentUrl : path.url;
    for (const segment of url.slice(hostUrl.length + 1).split('/')) {
      if (segment === '') continue;
      this.#addFor(uid, parent, segment);
      parent = `${parent}/${segment}`;
    }
    if (path.hasQuery) this.addDirectory(url);
  }

  /** The host was used. */
  addHost({ scheme, host }: ResourcePath, signal: AbortSignal | undefined): void {
    this.#addFor(uidOf(signal), `${scheme}:`, host);
  }

  /** It was used as a directory, which adds no name to it. */
  addDirectory(url: string): void {
    if (!this.#byDirectory.has(url)) this.#byDirectory.set(url, { names: new Set(), bytes: SET_BYTES });
  }

  /** Whether it, or something below it, was used so that it must be a directory. */
  isDirectory(url: string): boolean {
    return this.#byDirectory.get(url) !== undefined;
  }

  /** `directory`: a URL, or `scheme:`. */
  in(directory: string, signal: AbortSignal | undefined): string[] {
    return [...(this.#byDirectory.get(keyOf(uidOf(signal), directory))?.names ?? [])];
  }

  #addFor(uid: number | undefined, directory: string, name: string): void {
    this.#add(directory, name);
    if (uid !== undefined) this.#add(keyOf(uid, directory), name);
  }

  #add(directory: string, name: string): void {
    const used = this.#byDirectory.get(directory) ?? { names: new Set<string>(), bytes: SET_BYTES };
    if (used.names.has(name) || used.names.size >= MAX_NAMES) return;
    used.names.add(name);
    used.bytes += SLOT_BYTES + stringBytes(name);
    this.#byDirectory.set(directory, used);
  }
}

function keyOf(uid: number | undefined, directory: string): string {
  return uid === undefined ? directory : `${uid} ${directory}`;
}
