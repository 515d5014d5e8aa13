import type { ConfigurationReport } from '../../src/control/mount-report.js';
import type { Configuration } from './configuration.js';

type Listener = (now: Configuration, before: Configuration) => void;

/** The configuration of a mount that stands: a reload replaces it. */
export class LiveConfiguration {
  #current: Configuration;
  readonly #listeners: Listener[] = [];
  #loadedAtMs = Date.now();
  #error: string | undefined;

  constructor(first: Configuration) {
    this.#current = first;
  }

  get current(): Configuration {
    return this.#current;
  }

  onReplaced(listener: Listener): void {
    this.#listeners.push(listener);
  }

  get report(): ConfigurationReport {
    return { files: this.#current.files, loadedAtMs: this.#loadedAtMs, error: this.#error };
  }

  /** What was read last cannot be used. */
  noteFault(message: string): void {
    this.#error = message;
  }

  replace(next: Configuration): void {
    this.#loadedAtMs = Date.now();
    this.#error = undefined;
    const before = this.#current;
    this.#current = next;
    for (const listener of this.#listeners) listener(next, before);
  }
}
