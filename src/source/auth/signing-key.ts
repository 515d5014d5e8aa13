import { hmac } from './canonical.js';

/** A chain of HMACs whose result is valid for one day, region and secret; the last result is kept. */
export class SigningKey {
  readonly #parts: readonly string[];
  #of = '';
  #key: Buffer = Buffer.alloc(0);

  /** `parts`: what follows the date in the chain. */
  constructor(...parts: readonly string[]) {
    this.#parts = parts;
  }

  for(secret: string, date: string): Buffer {
    const of = `${date} ${secret}`;
    if (of !== this.#of) {
      this.#key = [date, ...this.#parts].reduce<Buffer>(
        (key, part) => hmac('sha256', key, part),
        Buffer.from(secret),
      );
      this.#of = of;
    }
    return this.#key;
  }
}
