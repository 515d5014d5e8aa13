/**
 * XML in pieces, as far as the answers of stores need it: elements by their local names, each with its own text. There is
 * no tree, no entity but those of XML is expanded, and every part has a limit.
 */
import { Parser } from 'htmlparser2';

export interface XmlHandler {
  /** `depth` of the root is 1. */
  onOpen?(name: string, depth: number, attributes: Readonly<Record<string, string>>): void;
  /** `text`: what stands in the element itself, not in those within it. */
  onClose(name: string, text: string, depth: number): void;
}

/** The document is no XML that can be used: cut short, or beyond a limit. */
export class MalformedXml extends Error {
  override readonly name = 'MalformedXml';
  readonly expected: string;

  constructor(expected: string, found: string) {
    super(found);
    this.expected = expected;
  }
}

/** Of a tag with its attributes, of a comment, and of the text of an element. */
const MAX_PART_CHARS = 64 * 1024;
const MAX_DEPTH = 16;

/** Reads a short document as far as it goes: of one that is cut short, what is whole. */
export function readXmlPrefix(text: string, handler: XmlHandler): void {
  const events = new XmlEvents(handler);
  try {
    events.read(text);
    events.end();
  } catch (error) {
    if (!(error instanceof MalformedXml)) throw error;
  }
}

/** Reads a document in pieces, each of which takes no longer than its length. */
export class XmlEvents {
  readonly #handler: XmlHandler;
  readonly #parser: Parser;
  /** The text so far of each open element. */
  readonly #texts: string[] = [];
  /** Since the parser last reported something: it keeps that much. */
  #pendingChars = 0;
  #isEnding = false;
  #hasRoot = false;

  constructor(handler: XmlHandler) {
    this.#handler = handler;
    const onProgress = (): void => {
      this.#pendingChars = 0;
    };
    this.#parser = new Parser(
      {
        onopentag: (name, attributes) => this.#onOpen(localName(name), attributes),
        ontext: (text) => this.#onText(text),
        onclosetag: (name) => this.#onClose(localName(name)),
        oncomment: onProgress,
        onprocessinginstruction: onProgress,
      },
      { xmlMode: true },
    );
  }

  read(text: string): void {
    this.#pendingChars += text.length;
    this.#parser.write(text);
    if (this.#pendingChars > MAX_PART_CHARS) throw tooLong();
  }

  /** Throws unless the root was closed. */
  end(): void {
    const isClosed = this.#hasRoot && this.#texts.length === 0;
    this.#isEnding = true;
    this.#parser.end();
    if (!isClosed)
      throw new MalformedXml('a whole document', this.#hasRoot ? 'one that is cut short' : 'none');
  }

  #onOpen(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#pendingChars = 0;
    if (this.#texts.length === 0 && this.#hasRoot) throw new MalformedXml('one root', `another, ${name}`);
    if (this.#texts.length === MAX_DEPTH) throw new MalformedXml(`at most ${MAX_DEPTH} levels`, 'more');
    this.#hasRoot = true;
    this.#texts.push('');
    this.#handler.onOpen?.(name, this.#texts.length, attributes);
  }

  #onText(text: string): void {
    this.#pendingChars = 0;
    const last = this.#texts.length - 1;
    if (last < 0) return;
    const all = (this.#texts[last] ?? '') + text;
    if (all.length > MAX_PART_CHARS) throw tooLong();
    this.#texts[last] = all;
  }

  #onClose(name: string): void {
    this.#pendingChars = 0;
    // The parser closes what is left open: the document is cut short.
    if (this.#isEnding) return;
    const text = this.#texts.pop();
    if (text !== undefined) this.#handler.onClose(name, text, this.#texts.length + 1);
  }
}

function tooLong(): MalformedXml {
  return new MalformedXml(`at most ${MAX_PART_CHARS} characters in one tag or text`, 'more');
}

/** `s3:Key` is `Key`: which prefix stands for the namespace is the server's choice. */
function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
