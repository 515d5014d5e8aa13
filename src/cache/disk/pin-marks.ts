import type { EntryTable } from './entry-table.js';
import type { Pins } from './pins.js';

type EntryUrls = AsyncIterable<[name: string, url: string]>;

/** Marks the entries that are pinned. A name is a hash: of which URL an entry is shows in its header, for which all are read. */
export class PinMarks {
  readonly #entries: EntryTable;
  readonly #pins: Pins;
  readonly #urls: () => EntryUrls;
  /** Of the pins that entries are marked by. */
  #epoch = 1;
  #marking: Promise<void> | undefined;

  /** `urls` returns those of all entries. */
  constructor(entries: EntryTable, pins: Pins, urls: () => EntryUrls) {
    this.#entries = entries;
    this.#pins = pins;
    this.#urls = urls;
  }

  /** Resolves when all entries are marked, as processes have changed the pins. Never rejects. */
  async refresh(): Promise<void> {
    await this.#pins.refresh();
    while (this.#epoch !== this.#pins.epoch) {
      await (this.#marking ??= this.#mark().finally(() => {
        this.#marking = undefined;
      }));
    }
  }

  async #mark(): Promise<void> {
    const { epoch, isEmpty } = this.#pins;
    if (isEmpty) for (const name of this.#entries.names()) this.#entries.mark(name, false);
    else
      for await (const [name, url] of this.#urls())
        this.#entries.mark(name, this.#pins.of(url) !== undefined);
    this.#epoch = epoch;
  }
}
