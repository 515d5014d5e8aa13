/** Replies out of what a control connection brings: `213 4096`, or lines from `250-…` to `250 …` (RFC 959, 4.2). */
export interface Reply {
  readonly code: number;
  /** All lines, in Latin-1. */
  readonly text: string;
}

const MAX_REPLY_CHARS = 64 * 1024;

export class ReplyReader {
  readonly #onReply: (reply: Reply) => void;
  /** Of a reply that has not ended. */
  #lines: string[] = [];
  /** The beginning of a line. */
  #part = '';
  /** Since the last reply. */
  #chars = 0;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /** A part of a reply has come. */
  get isWithin(): boolean {
    return this.#part !== '' || this.#lines.length > 0;
  }

  /** Returns false if a reply is too long. */
  read(text: string): boolean {
    const lines = (this.#part + text).split('\n');
    this.#part = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    return this.#chars + this.#part.length <= MAX_REPLY_CHARS;
  }

  /** What does not belong to a reply is passed over. */
  #onLine(line: string): void {
    const [first = line] = this.#lines;
    this.#chars += line.length + 1;
    if (!/^\d{3}(?:[ -]|$)/.test(first)) return;
    this.#lines.push(line);
    const code = first.slice(0, 3);
    if (line !== code && !line.startsWith(`${code} `)) return;
    const reply = { code: Number(code), text: this.#lines.join('\n') };
    this.#lines = [];
    this.#chars = 0;
    this.#onReply(reply);
  }
}
