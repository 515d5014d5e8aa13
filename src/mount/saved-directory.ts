import type { ReadPlace, Waiter } from '../cache/resource-cache.js';
import { type DirEntry, directoryOf, OPEN_DIRECTORY_BYTES, type OpenDirectory } from './open-directory.js';

/** An open directory, for the next process: how far it was read, or the names of one that no source lists. */
export type SavedEntries =
  | { readonly names: readonly string[]; readonly read?: undefined }
  | { readonly read: ReadPlace; readonly names?: undefined };

/** `place`: up to where it was read. */
export function saveEntries(directory: OpenDirectory, place: number): SavedEntries {
  const read = directory.readTo(place);
  return read === undefined ? { names: namesOf(directory) } : { read };
}

/** No name has a slash. */
function namesOf(directory: OpenDirectory): string[] {
  const names: string[] = [];
  for (let entry = directory.entryAt(0); entry !== undefined; entry = directory.entryAt(entry.place + 1)) {
    names.push(entry.kind === 'directory' ? `${entry.name}/` : entry.name);
  }
  return names;
}

export function directoryOfNames(names: readonly string[]): OpenDirectory {
  return directoryOf(
    names.map((name) =>
      name.endsWith('/') ? { name: name.slice(0, -1), kind: 'directory' } : { name, kind: 'file' },
    ),
  );
}

/** Opened again at its first use. */
export class ReopenedDirectory implements OpenDirectory {
  readonly bytes = OPEN_DIRECTORY_BYTES;
  readonly #read: ReadPlace;
  readonly #reopen: (read: ReadPlace) => Promise<OpenDirectory>;
  #opening: Promise<void> | undefined;
  #opened: OpenDirectory | undefined;
  #isClosed = false;

  constructor(read: ReadPlace, reopen: (read: ReadPlace) => Promise<OpenDirectory>) {
    this.#read = read;
    this.#reopen = reopen;
  }

  whenAt(place: number, waiter?: Waiter): Promise<void> | undefined {
    if (this.#opened !== undefined) return this.#opened.whenAt(place, waiter);
    this.#opening ??= this.#open();
    return this.#opening.then(() => this.#opened?.whenAt(place, waiter));
  }

  entryAt(place: number): DirEntry | undefined {
    return this.#opened?.entryAt(place);
  }

  readTo(place: number): ReadPlace {
    return this.#opened?.readTo(place) ?? this.#read;
  }

  close(): void {
    this.#isClosed = true;
    this.#opened?.close();
  }

  async #open(): Promise<void> {
    this.#opened = await this.#reopen(this.#read);
    if (this.#isClosed) this.#opened.close();
  }
}
