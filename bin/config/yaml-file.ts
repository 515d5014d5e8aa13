/** A YAML document whose values know where they stand. */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';

import { ConfigurationError, type ConfigurationFault } from './configuration-error.js';

const MAX_ALIASES = 50;

export type KeyPath = readonly (string | number)[];

export class YamlFile {
  readonly path: string;
  /** Plain objects, lists, texts, numbers; an empty file is an empty mapping. */
  readonly value: unknown;
  readonly #contents: Node | null;
  readonly #resolve: (node: Node) => Node | undefined;
  readonly #lines = new LineCounter();

  constructor(path: string, text: string) {
    this.path = path;
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true });
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) {
      throw new ConfigurationError(
        faults.map(({ code, pos }) => this.#fault(pos[0], '', `expected YAML, found ${wordsOf(code)}`)),
      );
    }
    visit(document, {
      Alias: (_, node) => {
        if (node.resolve(document) !== undefined) return;
        const message = 'expected YAML, found an alias (*) without its anchor';
        throw new ConfigurationError([this.#fault(node.range?.[0] ?? 0, '', message)]);
      },
    });
    this.#contents = document.contents;
    this.#resolve = (node) => (isAlias(node) ? node.resolve(document) : node);
    try {
      this.value = (document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown) ?? {};
    } catch {
      throw new ConfigurationError([
        { place: path, key: '', message: `expected at most ${MAX_ALIASES} uses of aliases, found more` },
      ]);
    }
  }

  /** A fault at the value of a path, or at its key; of what is missing, at what should have it. */
  fault(path: KeyPath, message: string, at: 'key' | 'value' = 'value'): ConfigurationFault {
    return this.#fault(this.#offsetOf(path, at), keyText(path), message);
  }

  lineOf(path: KeyPath): number {
    return this.#lines.linePos(this.#offsetOf(path, 'key')).line;
  }

  #fault(offset: number, key: string, message: string): ConfigurationFault {
    const { line, col } = this.#lines.linePos(offset);
    return { place: this.path, line, column: col, key, message };
  }

  #offsetOf(path: KeyPath, at: 'key' | 'value'): number {
    let node: Node | undefined = this.#contents ?? undefined;
    let offset = node?.range?.[0] ?? 0;
    for (const [depth, key] of path.entries()) {
      const found: { key?: unknown; value?: unknown } | undefined = node && this.#childOf(node, key);
      if (found === undefined) return offset;
      const isKey = at === 'key' && depth === path.length - 1;
      const shown = isKey && isNode(found.key) ? found.key : isNode(found.value) ? found.value : found.key;
      if (isNode(shown)) offset = shown.range?.[0] ?? offset;
      node = isNode(found.value) ? found.value : undefined;
    }
    return offset;
  }

  #childOf(given: Node, key: string | number): { key?: unknown; value?: unknown } | undefined {
    const node = this.#resolve(given);
    if (isSeq(node)) return { value: node.items[Number(key)] };
    if (!isMap(node)) return undefined;
    // Some names are compared in lower case (headers).
    const names = node.items.map((pair) => (isScalar(pair.key) ? String(pair.key.value) : ''));
    const at = names.indexOf(String(key));
    const near = at === -1 ? names.findIndex((name) => name.toLowerCase() === String(key).toLowerCase()) : at;
    return node.items[near];
  }
}

export function keyText(path: KeyPath): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`))
    .join('')
    .replace(/^\./, '');
}

/** Not the parser's message: it quotes the text. */
function wordsOf(code: string): string {
  return WORDS[code] ?? code.toLowerCase().replaceAll('_', ' ');
}

const WORDS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'a key twice',
  TAB_AS_INDENT: 'a tab as indentation',
  MULTIPLE_DOCS: 'several documents',
  TAG_RESOLVE_FAILED: 'a tag that is not known',
  BAD_INDENT: 'a wrong indentation',
  MISSING_CHAR: 'a missing character such as a closing quote or bracket',
  UNEXPECTED_TOKEN: 'a character that has no place there',
};
