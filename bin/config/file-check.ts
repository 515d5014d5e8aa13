import * as v from 'valibot';

import type { Schema } from '../../src/source/settings-parts.js';
import type { ConfigurationFault } from './configuration-error.js';
import type { KeyPath, YamlFile } from './yaml-file.js';

/** Collects the faults of a file. */
export class FileCheck {
  readonly #file: YamlFile;
  /** The values that came from the environment. */
  readonly #replaced: ReadonlySet<string>;
  readonly #faults: ConfigurationFault[];

  constructor(file: YamlFile, replaced: ReadonlySet<string>, faults: ConfigurationFault[]) {
    this.#file = file;
    this.#replaced = replaced;
    this.#faults = faults;
  }

  parse<Output>(schema: Schema<Output>, value: unknown, at: KeyPath): Output | undefined {
    const { success, output, issues } = v.safeParse(schema, value);
    if (success) return output;
    for (const issue of issues) {
      const path = [...at, ...(issue.path ?? []).map(({ key }) => key as string | number)];
      const isKey = issue.message.includes(', found ');
      if (isKey) this.#faults.push(this.#file.fault(path, issue.message, 'key'));
      else this.fault(path, `${issue.message}, found ${this.#found(path, issue.input)}`);
    }
    return undefined;
  }

  fault(at: KeyPath, message: string): void {
    this.#faults.push(this.#file.fault(at, message));
  }

  place(at: KeyPath): string {
    return `${this.#file.path}:${this.#file.lineOf(at)}`;
  }

  #found(path: KeyPath, value: unknown): string {
    if (value === undefined || value === null) return 'nothing';
    if (Array.isArray(value)) return 'a list';
    if (typeof value === 'object') return 'a mapping';
    const isSecret = path.some((key) => SECRET_SECTIONS.has(String(key)));
    if (isSecret || this.#replaced.has(JSON.stringify(path))) return HIDDEN;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    // As in `user:password@host`.
    return text.includes('@') ? HIDDEN : `'${text.slice(0, MAX_SHOWN_CHARS)}'`;
  }
}

const HIDDEN = 'a value that is not shown';
/** No value below these is shown; `key` is that of a client certificate. */
const SECRET_SECTIONS = new Set(['credentials', 'headers', 'key', 'keyPassword', 'proxy', 'plugins']);
const MAX_SHOWN_CHARS = 80;
