/**
 * Text of others for logs, messages and terminals: no credentials, no values of queries, no control characters,
 * and not without end.
 */

/** A stack, or the end of what a plugin wrote. */
const MAX_TEXT_CHARS = 2_500;
const MAX_LOOKED_AT_CHARS = 64 * 1024;
const MAX_LINES = 100;
const MAX_URL_CHARS = 2_048;

/** Control characters (C1 too), line separators, what changes the direction of text, and bytes that are not UTF-8. */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;
const MAYBE_UNSAFE = /[^ -~]/;

const MAX_MESSAGE_CHARS = 300;
/** May be a token, a signature or what was signed: servers echo them. */
const SECRET_LIKE = /[A-Za-z0-9+/=_.%~-]{32,}/g;

/** The message of a refusal, without what may be a secret. */
export function saidBySource(message: string): string {
  return message.trim().slice(0, MAX_MESSAGE_CHARS).replace(SECRET_LIKE, '…');
}

/** Any text; what looks like a URL in it, whole or relative, is redacted. */
export function safeText(text: string): string {
  const redacted = text
    .slice(0, MAX_LOOKED_AT_CHARS)
    .replace(/\/\/[^\s/]*@/g, '//')
    .replace(/\?(\S+)/g, (_, query: string) => `?${redactedQuery(query)}`)
    .replace(/#(\S+)/g, (fragment) => (fragment.includes('=') ? '#…' : fragment));
  return cut(escapeControls(redacted), MAX_TEXT_CHARS);
}

/** A text of several lines, as a stack: they stay lines. */
export function safeLines(text: string): string {
  const lines = text.split('\n', MAX_LINES).map((line) => safeText(line));
  return cut(lines.join('\n'), 2 * MAX_TEXT_CHARS);
}

/** A URL, perhaps a relative one: without `user:password@`, the values of the query, and the fragment. */
export function redactUrl(url: URL | string): string {
  const text = typeof url === 'string' && URL.canParse(url) ? new URL(url).href : String(url);
  const [reference = ''] = text.replace(/^([a-z][a-z0-9+.-]{0,30}:)?\/\/[^/?#]*@/i, '$1//').split('#', 1);
  return withRedactedQuery(reference);
}

/** A path below the mountpoint, or a name: all of one behind its `?` is the query. */
export function redactPath(path: string): string {
  return /[^ ->@-~]/.test(path) ? withRedactedQuery(path) : path;
}

function withRedactedQuery(url: string): string {
  const question = url.indexOf('?');
  const query = question === -1 ? '' : `?${redactedQuery(url.slice(question + 1))}`;
  return cut(escapeControls((question === -1 ? url : url.slice(0, question)) + query), MAX_URL_CHARS);
}

/** The names of the parameters stay. What has no name may be the value itself. */
function redactedQuery(query: string): string {
  return query
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals === -1 ? '…' : `${part.slice(0, equals)}=…`;
    })
    .join('&');
}

/** In JSON the same text: only the spelling is another. */
export function safeJson(json: string): string {
  return json.replace(UNSAFE, (character) => (character === '\n' ? character : unicodeEscape(character)));
}

/** What a terminal, or a reader of lines, could take for more than text, in a visible form. */
export function escapeControls(text: string): string {
  return MAYBE_UNSAFE.test(text) ? text.replace(UNSAFE, escapeOf) : text;
}

function escapeOf(character: string): string {
  const simple = SIMPLE_ESCAPES[character];
  if (simple !== undefined) return simple;
  const code = character.charCodeAt(0);
  // A byte that is not UTF-8 (see `byte-text`).
  if (code >= 0xdc80 && code <= 0xdcff) return hexEscape(code - 0xdc00);
  return code < 0x80 ? hexEscape(code) : unicodeEscape(character);
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function hexEscape(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function cut(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}
