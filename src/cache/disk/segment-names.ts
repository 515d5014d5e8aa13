import { nameOfUrl } from './layout.js';

/** Hexadecimal digits that a number holds exactly. */
const URL_DIGITS = 12;

/**
 * The names of segments, by the URL that they are of. A URL is known by the first digits of its hash: what another
 * URL with the same digits has stored is told too, which the header of its index tells apart.
 */
export class SegmentNames {
  /** Nearly all have one, which takes no list. */
  readonly #names = new Map<number, string | readonly string[]>();

  has(url: string): boolean {
    return this.#names.has(numberOf(nameOfUrl(url)));
  }

  of(url: string): readonly string[] {
    return this.#at(numberOf(nameOfUrl(url)));
  }

  /** One that is not there yet. */
  add(name: string): void {
    const number = numberOf(name);
    const others = this.#at(number);
    this.#names.set(number, others.length === 0 ? name : [...others, name]);
  }

  delete(name: string): void {
    const number = numberOf(name);
    const others = this.#at(number).filter((other) => other !== name);
    if (others.length === 0) this.#names.delete(number);
    else this.#names.set(number, others);
  }

  #at(number: number): readonly string[] {
    const found = this.#names.get(number) ?? [];
    return typeof found === 'string' ? [found] : found;
  }
}

function numberOf(name: string): number {
  return Number.parseInt(name.slice(0, URL_DIGITS), 16);
}
