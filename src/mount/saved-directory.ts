import { createHash } from 'node:crypto';

import { Turns } from '../source/index.js';
import type { DirEntry } from './directory-reader.js';

/** The entries of an open directory, for the next process: their names, or of many a digest, to list them again. */
export type SavedEntries =
  | { readonly names: readonly string[]; readonly digest?: undefined }
  | { readonly digest: string; readonly names?: undefined };

/** Up to so many names are kept. */
const MAX_NAMES = 1_000;

/** By entries, which handles share. */
const saved = new WeakMap<readonly DirEntry[], Promise<SavedEntries>>();

export function saveEntries(entries: readonly DirEntry[]): Promise<SavedEntries> {
  let saving = saved.get(entries);
  if (saving === undefined) {
    saving = save(entries);
    saved.set(entries, saving);
  }
  return saving;
}

async function save(entries: readonly DirEntry[]): Promise<SavedEntries> {
  if (entries.length <= MAX_NAMES) return { names: entries.map(nameOf) };
  const digest = createHash('sha1');
  const turns = new Turns(undefined);
  for (const entry of entries) {
    digest.update(`${nameOf(entry)}\0`);
    const wait = turns.spend(entry.name.length, 1);
    if (wait !== undefined) await wait;
  }
  return { digest: digest.digest('hex') };
}

/** No name has a slash. */
function nameOf({ name, kind }: DirEntry): string {
  return kind === 'directory' ? `${name}/` : name;
}

export function entriesOf(names: readonly string[]): DirEntry[] {
  return names.map((name) =>
    name.endsWith('/') ? { name: name.slice(0, -1), kind: 'directory' } : { name, kind: 'file' },
  );
}
