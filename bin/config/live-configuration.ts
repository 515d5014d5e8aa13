import type { Configuration } from './configuration.js';

type Listener = (now: Configuration, before: Configuration) => void;

/** The configuration of a mount that stands: a reload replaces it. */
export class LiveConfiguration {
  #current: Configuration;
  readonly #listeners: Listener[] = [];

  constructor(first: Configuration) {
    this.#current = first;
  }

  get current(): Configuration {
    return this.#current;
  }

  onReplaced(listener: Listener): void {
    this.#listeners.push(listener);
  }

  replace(next: Configuration): void {
    const before = this.#current;
    this.#current = next;
    for (const listener of this.#listeners) listener(next, before);
  }
}
