/**
 * The fields of a response's head, by lower-cased name. The web's `Headers` are what others get to see; making
 * them costs more than all the rest of a small response.
 */
export class HeaderFields {
  readonly #values: Map<string, string>;

  /** `entries`: of names in lower case. */
  constructor(entries?: Iterable<readonly [string, string]>) {
    this.#values = new Map(entries);
  }

  /** The value, or null as with `Headers`. `name` is in lower case. */
  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  /** Fields of the same name are one list (RFC 9110, 5.3). */
  append(name: string, value: string): void {
    const key = name.toLowerCase();
    const before = this.#values.get(key);
    this.#values.set(key, before === undefined ? value : `${before}, ${value}`);
  }

  /** For another thread. */
  get entries(): readonly (readonly [string, string])[] {
    return [...this.#values];
  }

  toHeaders(): Headers {
    return new Headers([...this.#values]);
  }
}
