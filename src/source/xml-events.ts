/**
 * XML in pieces, as far as the answers of stores need it: elements by their local names, each with its own text. There is
 * no tree, no entity but those of XML is expanded, and every part has a limit.
 */

export interface XmlHandler {
  /** `depth` of the root is 1. */
  onOpen?(name: string, depth: number, attributes: Readonly<Record<string, string>>): void;
  /** `text`: what stands in the element itself, not in those within it. */
  onClose(name: string, text: string, depth: number): void;
}

/** The document is no XML that can be used: cut short, wrongly nested, or beyond a limit. */
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
/** `&#x0010ffff;` */
const MAX_REFERENCE_CHARS = 12;
const [SLASH, EXCLAMATION, QUESTION, SPACE] = [0x2f, 0x21, 0x3f, 0x20];
const CDATA = '<![CDATA[';
const NO_ATTRIBUTES: Readonly<Record<string, string>> = {};
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

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

/** Reads a document in pieces, each of which takes no longer than its length, and that of a part which it continues. */
export class XmlEvents {
  readonly #handler: XmlHandler;
  /** Of each open element: its name with its prefix, and its text so far. */
  readonly #names: string[] = [];
  readonly #texts: string[] = [];
  /** A part whose end is not here yet. */
  #rest = '';
  #hasRoot = false;

  constructor(handler: XmlHandler) {
    this.#handler = handler;
  }

  read(piece: string): void {
    const text = this.#rest + piece;
    let at = 0;
    for (let begin = text.indexOf('<'); begin !== -1; begin = text.indexOf('<', at)) {
      if (begin > at) this.#addText(resolved(text.slice(at, begin)));
      const end = this.#readMarkup(text, begin);
      at = end === -1 ? begin : end;
      if ((end === -1 ? text.length : end) - begin > MAX_PART_CHARS) throw tooLong();
      if (end === -1) break;
    }
    const rest = text.slice(at);
    const textEnd = rest.startsWith('<') ? 0 : endOfText(rest);
    this.#addText(resolved(rest.slice(0, textEnd)));
    this.#rest = rest.slice(textEnd);
  }

  /** Throws unless the root was closed. */
  end(): void {
    if (this.#hasRoot && this.#names.length === 0) return;
    throw new MalformedXml('a whole document', this.#hasRoot ? 'one that is cut short' : 'none');
  }

  /** Returns the end of what begins at `begin` with a `<`; -1: it is not here yet. */
  #readMarkup(text: string, begin: number): number {
    const next = text.charCodeAt(begin + 1);
    if (next === QUESTION) return endBehind(text, '?>', begin + 2);
    if (next === EXCLAMATION) return this.#readDeclaration(text, begin);
    if (next !== SLASH) return this.#readStartTag(text, begin);
    const end = text.indexOf('>', begin);
    if (end === -1) return -1;
    this.#close(text, begin + 2, end);
    return end + 1;
  }

  #readDeclaration(text: string, begin: number): number {
    if (text.length < begin + CDATA.length) return -1;
    if (text.startsWith('<!--', begin)) return endBehind(text, '-->', begin + 4);
    // Of a document type with entities each is one, and what stands between them is outside of the root.
    if (!text.startsWith(CDATA, begin)) return endBehind(text, '>', begin);
    const end = endBehind(text, ']]>', begin + CDATA.length);
    if (end !== -1) this.#addText(text.slice(begin + CDATA.length, end - 3));
    return end;
  }

  #readStartTag(text: string, begin: number): number {
    let at = begin + 1;
    let end = text.indexOf('>', at);
    while (at < end && text.charCodeAt(at) > SPACE && text.charCodeAt(at) !== SLASH) at += 1;
    const name = text.slice(begin + 1, at);
    if (at < end - 1) end = endOfTag(text, at);
    if (end === -1) return -1;
    const isEmpty = text.charCodeAt(end - 1) === SLASH;
    this.#open(name, attributesOf(text.slice(at, isEmpty ? end - 1 : end)));
    if (isEmpty) this.#close(name, 0, name.length);
    return end + 1;
  }

  #open(name: string, attributes: Readonly<Record<string, string>>): void {
    const depth = this.#names.length + 1;
    if (name === '') throw new MalformedXml('a tag', 'one without a name');
    if (depth === 1 && this.#hasRoot) throw new MalformedXml('one root', `another, ${name}`);
    if (depth > MAX_DEPTH) throw new MalformedXml(`at most ${MAX_DEPTH} levels`, 'more');
    this.#hasRoot = true;
    this.#names.push(name);
    this.#texts.push('');
    this.#handler.onOpen?.(localName(name), depth, attributes);
  }

  /** `start` to `end`: the name in the end tag. */
  #close(tag: string, start: number, end: number): void {
    const depth = this.#names.length;
    const [name = '', text = ''] = [this.#names.pop(), this.#texts.pop()];
    const nameEnd = start + name.length;
    const isIts = depth > 0 && tag.startsWith(name, start);
    if (!isIts || (nameEnd !== end && /\S/.test(tag.slice(nameEnd, end)))) {
      throw new MalformedXml('the end of the element', 'that of another');
    }
    this.#handler.onClose(localName(name), text, depth);
  }

  #addText(text: string): void {
    const last = this.#texts.length - 1;
    if (last < 0) return;
    const all = (this.#texts[last] ?? '') + text;
    if (all.length > MAX_PART_CHARS) throw tooLong();
    this.#texts[last] = all;
  }
}

function tooLong(): MalformedXml {
  return new MalformedXml(`at most ${MAX_PART_CHARS} characters in one tag or text`, 'more');
}

function endBehind(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? -1 : end + mark.length;
}

/** Of what no tag is behind: a reference may be cut. */
function endOfText(text: string): number {
  const reference = text.lastIndexOf('&');
  const isCut = text.length - reference < MAX_REFERENCE_CHARS && !text.includes(';', reference);
  return reference !== -1 && isCut ? reference : text.length;
}

/** Where the `>` is that ends the tag: one in quotes does not. */
function endOfTag(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '>') return at;
    else if (char === '"' || char === "'") quote = char;
  }
  return -1;
}

function attributesOf(text: string): Readonly<Record<string, string>> {
  if (text === '') return NO_ATTRIBUTES;
  const found: [name: string, value: string][] = [];
  const attribute = /\s+([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')|\s*$/y;
  while (attribute.lastIndex < text.length) {
    const match = attribute.exec(text);
    if (match === null) throw new MalformedXml('attributes with values in quotes', 'others');
    const [, name, value = match[3]] = match;
    if (name !== undefined && value !== undefined) found.push([name, resolved(value)]);
  }
  return Object.fromEntries(found);
}

/** With references resolved, but for those of entities that a document type may have. */
function resolved(text: string): string {
  if (!text.includes('&')) return text;
  // Those around an ETag are most of all, and take a third of the time so.
  const quoted = text.replaceAll('&quot;', '"');
  if (!quoted.includes('&')) return quoted;
  return quoted.replace(/&(?:#x([\da-f]{1,8})|#(\d{1,8})|(\w+));/gi, resolvedReference);
}

function resolvedReference(reference: string, hex?: string, decimal?: string, name?: string): string {
  if (name !== undefined) return ENTITIES.get(name) ?? reference;
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
  const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : '\ufffd';
}

/** `s3:Key` is `Key`: which prefix stands for the namespace is the server's choice. */
function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
