/**
 * HTML in pieces, as far as an index page needs it: text, and tags with two of their attributes. In a time that grows with the
 * length only, whatever the page: there is no tree, and a tag has a limit.
 */
import { ListingTooLong } from '../listing-limits.js';

export interface TagHandler {
  onText(text: string): void;
  /** `name` is in lower case; the attributes are as they are written. */
  onOpen(name: string, attributes: TagAttributes): void;
  onClose(name: string): void;
}

export interface TagAttributes {
  readonly href: string | undefined;
  readonly datetime: string | undefined;
}

interface Tag extends TagAttributes {
  readonly name: string;
  /** Behind its `>`. */
  readonly end: number;
}

const MAX_TAG_CHARS = 64 * 1024;
const NAME = /[^\s/>]*/y;
const BETWEEN_ATTRIBUTES = /[\s/]*/y;
const ATTRIBUTE = /[^\s/>][^\s/>=]*/y;
const EQUALS = /\s*=\s*/y;
const UNQUOTED = /[^\s>]*/y;
/** `</textarea` and the like. */
const MAX_END_CHARS = 10;
/** What is in them is no HTML. */
const RAW = /^(?:script|style|textarea|xmp|iframe|noembed|noframes)$/;

export class HtmlTags {
  readonly #handler: TagHandler;
  /** The beginning of a tag whose end has not come. */
  #left = '';
  /** Nothing is looked at before this. */
  #skipTo: RegExp | undefined;

  constructor(handler: TagHandler) {
    this.#handler = handler;
  }

  read(text: string): void {
    const page = this.#left + text;
    this.#left = '';
    let at = 0;
    while (at < page.length) {
      const next = this.#skipTo === undefined ? this.#step(page, at) : this.#skip(page, at, this.#skipTo);
      if (next === undefined) break;
      at = next;
    }
    if (this.#left.length > MAX_TAG_CHARS) throw new ListingTooLong(`${MAX_TAG_CHARS} characters in one tag`);
  }

  /** Takes the text before the next tag, or the tag; returns where to continue, undefined when more has to come. */
  #step(page: string, at: number): number | undefined {
    const start = page.indexOf('<', at);
    if (start !== at) {
      const end = start === -1 ? page.length : start;
      this.#handler.onText(page.slice(at, end));
      return end;
    }
    const kind = page.charAt(start + 1);
    if (kind === '!' || kind === '?') {
      if (page.length < start + 4) return this.#keep(page, start);
      this.#skipTo = page.startsWith('<!--', start) ? /-->/g : />/g;
      // `<!-->` is a whole comment.
      return start + 2;
    }
    if (kind === '') return this.#keep(page, start);
    const isClose = kind === '/';
    if (!/[a-z]/i.test(isClose ? page.charAt(start + 2) || 'a' : kind)) {
      this.#handler.onText('<');
      return start + 1;
    }
    const tag = readTag(page, start + (isClose ? 2 : 1));
    if (tag === undefined) return this.#keep(page, start);
    if (isClose) this.#handler.onClose(tag.name);
    else this.#handler.onOpen(tag.name, tag);
    if (!isClose && RAW.test(tag.name)) this.#skipTo = new RegExp(`(?=</${tag.name})`, 'gi');
    return tag.end;
  }

  #skip(page: string, at: number, end: RegExp): number | undefined {
    end.lastIndex = at;
    const found = end.exec(page);
    if (found === null) return this.#keep(page, Math.max(at, page.length - MAX_END_CHARS));
    this.#skipTo = undefined;
    return found.index + found[0].length;
  }

  #keep(page: string, start: number): undefined {
    this.#left = page.slice(start);
  }
}

/** The tag whose name begins at `start`; undefined if its end is not there. Of two attributes of a name the first counts. */
function readTag(page: string, start: number): Tag | undefined {
  const name = take(NAME, page, start);
  let at = start + name.length;
  let href: string | undefined;
  let datetime: string | undefined;
  for (;;) {
    at += take(BETWEEN_ATTRIBUTES, page, at).length;
    if (at >= page.length) return undefined;
    if (page.charAt(at) === '>') return { name: name.toLowerCase(), href, datetime, end: at + 1 };
    const attribute = take(ATTRIBUTE, page, at);
    at += attribute.length;
    const equals = take(EQUALS, page, at);
    at += equals.length;
    if (equals === '') continue;
    const quote = page.charAt(at);
    const isQuoted = quote === '"' || quote === "'";
    const valueStart = isQuoted ? at + 1 : at;
    const end = isQuoted ? page.indexOf(quote, valueStart) : at + take(UNQUOTED, page, at).length;
    if (end === -1 || end >= page.length) return undefined;
    const attributeName = attribute.toLowerCase();
    if (attributeName === 'href') href ??= page.slice(valueStart, end);
    else if (attributeName === 'datetime') datetime ??= page.slice(valueStart, end);
    at = isQuoted ? end + 1 : end;
  }
}

function take(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}
