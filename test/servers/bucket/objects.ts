import { createHash } from 'node:crypto';

export interface ObjectOptions {
  readonly lastModifiedMs?: number;
  /** It has to be restored before it can be read. */
  readonly isArchived?: boolean;
  readonly contentEncoding?: string;
  /** Default: the MD5 of the content, in quotes. */
  readonly etag?: string;
  /** Further headers of its answers, as the vendor's checksums. */
  readonly header?: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectOptions {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly versionId: string;
}

export interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  /** The last key or common prefix of the page before; empty: from the start. */
  readonly after: string;
  readonly maxKeys: number;
}

export interface ListPage {
  readonly objects: readonly { readonly key: string; readonly object: StoredObject }[];
  readonly prefixes: readonly string[];
  /** The last name of this page, if there are more. */
  readonly next: string | undefined;
}

/** The objects of one bucket, with all their versions, in memory. */
export class BucketObjects {
  readonly #versions = new Map<string, StoredObject[]>();
  #sorted: string[] | undefined;
  #nextVersion = 1;

  put(key: string, content: Uint8Array | string, options: ObjectOptions = {}): StoredObject {
    const bytes = Buffer.from(content);
    const stored: StoredObject = {
      lastModifiedMs: Date.now(),
      etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
      ...options,
      bytes,
      versionId: `version-${(this.#nextVersion += 1)}`,
    };
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#sorted = undefined;
    this.#versions.set(key, [stored, ...(versions ?? [])]);
    return stored;
  }

  remove(key: string): void {
    this.#versions.delete(key);
    this.#sorted = undefined;
  }

  get(key: string, versionId?: string): StoredObject | undefined {
    const versions = this.#versions.get(key) ?? [];
    return versionId === undefined ? versions[0] : versions.find((each) => each.versionId === versionId);
  }

  /** A page counts keys and common prefixes alike, in the order of their bytes. */
  list({ prefix, delimiter, after, maxKeys }: ListQuery): ListPage {
    const keys = (this.#sorted ??= [...this.#versions.keys()].toSorted(byBytes));
    const objects: { key: string; object: StoredObject }[] = [];
    const prefixes: string[] = [];
    let last = '';
    for (let index = firstIndex(keys, prefix); index < keys.length;) {
      const key = keys[index] ?? '';
      if (!key.startsWith(prefix)) break;
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const name = end === -1 ? key : key.slice(0, end + delimiter.length);
      if (byBytes(name, after) > 0) {
        if (objects.length + prefixes.length === maxKeys) return { objects, prefixes, next: last };
        const object = this.get(key);
        if (end !== -1) prefixes.push(name);
        else if (object !== undefined) objects.push({ key, object });
        last = name;
      }
      index += 1;
      if (end !== -1) while (keys[index]?.startsWith(name) === true) index += 1;
    }
    return { objects, prefixes, next: undefined };
  }
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function firstIndex(keys: readonly string[], prefix: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byBytes(keys[middle] ?? '', prefix) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
