import { messageOf } from '../src/error-code.js';

/** What has to be undone, in reverse order, whatever happens. */
export class Teardown {
  readonly #steps: { readonly name: string; readonly undo: () => Promise<void> }[] = [];
  #running: Promise<void> | undefined;

  /** Returns what undoes the step now, once, instead of at the end. */
  add(name: string, undo: () => Promise<void>): () => Promise<void> {
    const step = { name, undo };
    this.#steps.push(step);
    return async () => {
      const index = this.#steps.indexOf(step);
      if (index === -1) return;
      this.#steps.splice(index, 1);
      await undo();
    };
  }

  /** Undoes all. A step that fails is reported on stderr, and the others are tried nevertheless. */
  run(): Promise<void> {
    this.#running ??= this.#undoAll();
    return this.#running;
  }

  async #undoAll(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        process.stderr.write(`bench: ${step.name}: ${messageOf(error)}\n`);
      }
    }
  }
}
