import type { Links, MetadataBudget } from './metadata-budget.js';

/** An entry itself, with its numbers and links, and its slot in a `Map`. */
const ENTRY_BYTES = 150;

export interface BoundedMapOptions<Value> {
  readonly budget: MetadataBudget;
  /** The size of the value, computed once: a value that grows is set again. */
  readonly bytesOf: (value: Value) => number;
  readonly onEvicted?: (key: string, value: Value) => void;
}

/** A map whose entries count against a budget that it shares with others. */
export class BoundedMap<Value> {
  readonly #options: BoundedMapOptions<Value>;
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #evict = (entry: Links): void => this.#evictEntry(entry as Entry<Value>);

  constructor(options: BoundedMapOptions<Value>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Counts as a use. */
  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#options.budget.touch(entry);
    return entry.value;
  }

  set(key: string, value: Value): void {
    const { budget, bytesOf } = this.#options;
    const bytes = ENTRY_BYTES + stringBytes(key) + bytesOf(value);
    const old = this.#entries.get(key);
    if (old !== undefined) budget.remove(old);
    const entry: Entry<Value> = {
      key,
      value,
      bytes,
      evict: this.#evict,
      older: undefined,
      newer: undefined,
    };
    this.#entries.set(key, entry);
    budget.add(entry);
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#options.budget.remove(entry);
    return true;
  }

  /** In no order that means anything. */
  *entries(): Generator<[key: string, value: Value]> {
    for (const [key, { value }] of this.#entries) yield [key, value];
  }

  #evictEntry(entry: Entry<Value>): void {
    this.delete(entry.key);
    this.#options.onEvicted?.(entry.key, entry.value);
  }
}

interface Entry<Value> extends Links {
  readonly key: string;
  readonly value: Value;
}

/** What a string takes: a header, and a byte for each character. Those of URLs, names and headers are ASCII, nearly all. */
export function stringBytes(text: string | undefined): number {
  return text === undefined ? 0 : 24 + text.length;
}
