/**
 * Splits the bytes of a connection into a response's head and body. Bytes are fed as they were read, in
 * pieces of any size; those of the body are handed on where they lie, without a copy. A taker that is not
 * ready returns a promise, and parsing stops behind the piece that it took.
 */
import { HeaderFields } from './header-fields.js';
import { type Framing, MalformedResponse, parseResponseHead, type ResponseHead } from './response-head.js';

/** Takes a response. What it throws goes through `execute` to the connection. */
export interface ResponseHandler {
  onHead(head: ResponseHead): void;
  /** The memory of `chunk` is used again when this returns, or when the promise that it returns resolves. */
  onBody(chunk: Uint8Array): void | Promise<void>;
}

/** Of all lines of a head; of one chunk's line; of all trailers. */
const MAX_LINES_BYTES = 64 * 1024;
const USUAL_CHUNK_LINE_BYTES = 16;
const MAX_TURN_CHUNKS = 2048;
const LINE_FEED = 0x0a;
const HTTP = 'HTTP/1.';

type LineState = 'head' | 'chunk size' | 'chunk end' | 'trailers';
type State = LineState | 'sized' | 'chunk' | 'until close' | 'done';

export class ResponseParser {
  /** What the taker of the body waits for, or the next turn of the event loop. Set: nothing more is parsed until it is cleared. */
  wait: Promise<void> | undefined;
  #handler: ResponseHandler;
  #state: State = 'head';
  #lines: string[] = [];
  #line = '';
  #linesBytes = 0;
  /** How much longer the lines of chunks may be, which are no progress. */
  #chunkLinesLeftBytes = MAX_LINES_BYTES;
  /** Of the sized body, or of the chunk. */
  #leftBytes = 0;
  #keepsAlive = false;
  #turnChunks = 0;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** Whether the connection may be used again behind this response. */
  get keepsAlive(): boolean {
    return this.isDone && this.#keepsAlive;
  }

  /** How much of the body is still to come; undefined when that is unknown. */
  get leftBytes(): number | undefined {
    if (this.#state === 'done') return 0;
    return this.#state === 'sized' ? this.#leftBytes : undefined;
  }

  /** Calls another handler from here on. */
  handOver(handler: ResponseHandler): void {
    this.#handler = handler;
  }

  /** There is no head: all that comes is the body, up to the end of the connection. */
  beginBody(): void {
    this.#state = 'until close';
    this.#handler.onHead({ status: 200, header: new HeaderFields(), framing: 'close', keepsAlive: false });
  }

  /** Parses from `start` on. Returns where it stopped: at the end, behind the response, or to wait. */
  execute(bytes: Buffer, start: number): number {
    let at = start;
    while (at < bytes.length && this.#state !== 'done' && this.wait === undefined) {
      const state = this.#state;
      const isBody = state === 'sized' || state === 'chunk' || state === 'until close';
      at = isBody ? this.#takeBody(bytes, at) : this.#takeLine(bytes, at, state);
    }
    return at;
  }

  /** Whether nothing but the end of the connection ends the body. */
  get endsWithConnection(): boolean {
    return this.#state === 'until close';
  }

  /** The connection has ended in order. */
  finish(): void {
    if (this.#state === 'until close') this.#state = 'done';
  }

  #takeBody(bytes: Buffer, at: number): number {
    const isSized = this.#state !== 'until close';
    const end = isSized ? Math.min(bytes.length, at + this.#leftBytes) : bytes.length;
    if (isSized) {
      this.#leftBytes -= end - at;
      if (this.#leftBytes === 0) this.#state = this.#state === 'chunk' ? 'chunk end' : 'done';
    }
    this.wait = this.#handler.onBody(bytes.subarray(at, end)) ?? undefined;
    return end;
  }

  #takeLine(bytes: Buffer, at: number, state: LineState): number {
    const lineFeed = bytes.indexOf(LINE_FEED, at);
    const end = lineFeed === -1 ? bytes.length : lineFeed;
    this.#linesBytes += end - at;
    if (this.#linesBytes > MAX_LINES_BYTES) throw new MalformedResponse(`more than ${MAX_LINES_BYTES} bytes`);
    this.#line += bytes.toString('latin1', at, end);
    if (state === 'head' && this.#lines.length === 0) checkBeginning(this.#line);
    if (lineFeed === -1) return end;
    const line = this.#line.slice(0, -1);
    if (!this.#line.endsWith('\r') || line.includes('\r'))
      throw new MalformedResponse('a line without CR LF');
    this.#line = '';
    this.#onLine(line, state);
    return end + 1;
  }

  #onLine(line: string, state: LineState): void {
    switch (state) {
      case 'head':
        if (line === '') this.#onHeadEnd();
        else this.#lines.push(line);
        break;
      case 'chunk size':
        this.#linesBytes = 0;
        this.#leftBytes = parseChunkSize(line);
        this.#chunkLinesLeftBytes += USUAL_CHUNK_LINE_BYTES + this.#leftBytes - line.length;
        this.#turnChunks += 1;
        if (this.#turnChunks === MAX_TURN_CHUNKS) this.#endTurn();
        if (this.#chunkLinesLeftBytes < 0) throw new MalformedResponse('more chunk extensions than content');
        this.#state = this.#leftBytes === 0 ? 'trailers' : 'chunk';
        break;
      case 'chunk end':
        if (line !== '') throw new MalformedResponse('a chunk that is longer than it says');
        this.#state = 'chunk size';
        break;
      case 'trailers':
        if (line === '') this.#state = 'done';
    }
  }

  /** Chunks of a few bytes take long: other work runs in between. */
  #endTurn(): void {
    this.#turnChunks = 0;
    this.wait = new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  #onHeadEnd(): void {
    const head = parseResponseHead(this.#lines);
    this.#lines = [];
    if (head.status === 101) throw new MalformedResponse('a switch of protocols without a request for one');
    // An interim response: the final one follows (RFC 9110, 15.2). All heads together are as long as one may be.
    if (head.status < 200) return;
    this.#linesBytes = 0;
    this.#keepsAlive = head.keepsAlive;
    this.#leftBytes = typeof head.framing === 'number' ? head.framing : 0;
    this.#state = bodyState(head.framing);
    this.#handler.onHead(head);
  }
}

function bodyState(framing: Framing): State {
  if (framing === 'chunked') return 'chunk size';
  if (framing === 'close') return 'until close';
  return framing === 0 ? 'done' : 'sized';
}

/** Finds out at once what speaks another protocol, and may wait for us to speak. */
function checkBeginning(line: string): void {
  if (!HTTP.startsWith(line.slice(0, HTTP.length))) throw new MalformedResponse('what is no HTTP/1.x');
}

/** RFC 9112, 7.1, without the extensions. */
function parseChunkSize(line: string): number {
  const size = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;.*)?$/.exec(line)?.[1];
  if (size === undefined) throw new MalformedResponse('a chunk without a size');
  return Number.parseInt(size, 16);
}
