import { Turns } from '../../turns.js';
import { entriesOf, isEntryName, type NamedRow, type ObjectEntry, type ObjectRow } from './object-entry.js';

/** A key below the directory; `row`: undefined for a directory, whose key may end with a slash. */
export interface ListedKey {
  readonly key: string;
  readonly row: ObjectRow | undefined;
}

export interface PageEntries {
  readonly entries: readonly ObjectEntry[];
  /** One of the keys that no file name can stand for. */
  readonly unusableKey: string | undefined;
}

/** Entries that are made in one step: some servers send pages of any length. */
const BATCH = 256;

/** The entries of a page; `prefix`: that of the directory `base`. Other work has its turns in between. */
export async function pageEntries(
  keys: Iterable<ListedKey>,
  base: URL,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<PageEntries> {
  const turns = new Turns(signal);
  const entries: ObjectEntry[] = [];
  let named: NamedRow[] = [];
  let unusableKey: string | undefined;
  const take = (): void => {
    for (const entry of entriesOf(base, named)) entries.push(entry);
    named = [];
  };
  for (const { key, row } of keys) {
    const end = row === undefined && key.endsWith('/') ? key.length - 1 : key.length;
    const name = key.startsWith(prefix) ? key.slice(prefix.length, end) : '';
    if (isEntryName(name)) named.push({ name, row });
    // The marker of the directory itself is no entry of it.
    else if (key !== prefix) unusableKey = key;
    if (named.length === BATCH) take();
    const wait = turns.spend(key.length, 1);
    if (wait !== undefined) await wait;
  }
  take();
  return { entries, unusableKey };
}
