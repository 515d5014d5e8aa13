/**
 * The body of a plugin's download. It delivers exactly the bytes that were promised: more or fewer are a
 * fault of the plugin. A body that breaks because the process ended continues where it stopped on the next
 * process, if the response named its version (strong entity tag, or time) and the next one names the same.
 */
import { type BodyReader, type BodyTarget, bytesOf } from '../body-target.js';
import { ChangedError, InterruptedError, ProtocolError } from '../errors.js';
import { isWeakEtag, type Request } from '../request.js';
import type { HttpBody } from '../http/http-body.js';
import { expectedBytesOf } from '../http/http-download.js';
import { newResponse, type Response } from '../response.js';
import { partOf } from '../target-cursor.js';
import { callForBody, ConnectionLostError, failureOfTransport } from './call.js';
import type { Plugin } from './plugin.js';
import type { PluginProcess } from './plugin-process.js';
import { callOf } from './protocol.js';
import { checkResponse, type KnownResource, type ResponseFacts } from './remote-response.js';

const MAX_RESUMES = 3;
const SKIP_BYTES = 64 * 1024;

/** One response with its body. */
interface Part extends ResponseFacts {
  readonly process: PluginProcess;
  readonly body: HttpBody;
  close(): void;
}

export async function openRemoteBody(
  plugin: Plugin,
  request: Request,
  known: () => KnownResource | undefined,
): Promise<Response> {
  const first = await openPart(plugin, request, known());
  const body = new RemoteBody(plugin, request, known, first);
  return newResponse(body, {
    header: () => first.header.toHeaders(),
    contentLength: first.lengthBytes ?? -1,
    ...(first.offset === undefined ? {} : { offset: first.offset }),
    cancel: () => body.cancel(),
  });
}

class RemoteBody implements BodyReader {
  readonly #plugin: Plugin;
  readonly #request: Request;
  readonly #known: () => KnownResource | undefined;
  readonly #first: Part;
  #part: Part;
  #readBytes = 0;
  /** Of the part, what was read of the one before. */
  #skipBytes = 0;
  #resumes = 0;
  #isCancelled = false;
  #isOver = false;
  #failure: unknown;

  constructor(plugin: Plugin, request: Request, known: () => KnownResource | undefined, first: Part) {
    this.#plugin = plugin;
    this.#request = request;
    this.#known = known;
    this.#first = first;
    this.#part = first;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#part.close();
  }

  async read(target: BodyTarget): Promise<number> {
    if (this.#isOver) return 0;
    if (this.#failure !== undefined) throw this.#failure;
    const from = this.#readBytes;
    for (;;) {
      const before = this.#readBytes;
      try {
        return await this.#readPart(target, from);
      } catch (error) {
        this.#part.close();
        await this.#noteFailure(this.#failureOf(error), this.#readBytes > before);
      }
      this.#skipBytes = await this.#resume();
    }
  }

  /** Throws if the body cannot be resumed. */
  async #noteFailure(failure: unknown, hasProgressed: boolean): Promise<void> {
    await this.#plugin.noteFailure(this.#part.process, failure);
    if (hasProgressed) this.#resumes = 0;
    this.#resumes += 1;
    const mayResume = failure instanceof ConnectionLostError && isNamed(this.#first);
    if (mayResume && this.#resumes <= MAX_RESUMES) return;
    this.#failure = failure;
    throw failure;
  }

  async #readPart(target: BodyTarget, from: number): Promise<number> {
    const { lengthBytes } = this.#first;
    const { body } = this.#part;
    await this.#skip();
    const before = this.#readBytes;
    const leftBytes = (lengthBytes ?? Infinity) - before;
    const maxBytes = Math.min(bytesOf(target.pieces) - (before - from), leftBytes);
    const part = partOf(target, before - from, maxBytes);
    const onBytes = (bytes: number): void => {
      this.#noteBytes(before + bytes - this.#readBytes);
      part.onBytes?.(bytes);
    };
    const bytes = maxBytes === 0 ? 0 : await body.read({ ...part, onBytes });
    if (bytes < Math.min(maxBytes, part.minBytes ?? Infinity)) {
      if (lengthBytes !== undefined) throw this.#wrongLength('fewer');
      this.#close();
    } else if (this.#readBytes === lengthBytes) {
      this.#noteBytes(await body.read({ pieces: [new Uint8Array(1)] }));
      if (this.#readBytes > lengthBytes) throw this.#wrongLength('more');
      this.#close();
    }
    return this.#readBytes - from;
  }

  async #skip(): Promise<void> {
    const { body, process } = this.#part;
    while (this.#skipBytes > 0) {
      const bytes = await body.read({ pieces: [new Uint8Array(Math.min(this.#skipBytes, SKIP_BYTES))] });
      if (bytes === 0) return;
      process.hasSent = true;
      this.#skipBytes -= bytes;
    }
  }

  #noteBytes(bytes: number): void {
    this.#part.process.hasSent = true;
    this.#readBytes += bytes;
    this.#plugin.counters.bytes += bytes;
  }

  #close(): void {
    this.#isOver = true;
    this.#part.close();
  }

  /** Opens the rest, and returns how many bytes of it were read already. */
  async #resume(): Promise<number> {
    const position = (this.#first.offset ?? 0) + this.#readBytes;
    const { range, url } = this.#request;
    const rest = this.#request.with({ range: { start: position, end: range?.end ?? Infinity } });
    const next = await openPart(this.#plugin, rest, this.#known());
    this.#part = next;
    if (this.#isCancelled) next.close();
    const skipBytes = position - (next.offset ?? 0);
    const isSame = nameOf(next) === nameOf(this.#first) && next.offset !== undefined && skipBytes >= 0;
    if (isSame) return skipBytes;
    next.close();
    throw new ChangedError(url, { expected: 'the rest of the body', found: 'another version' });
  }

  #failureOf(error: unknown): unknown {
    const { signal, url } = this.#request;
    if (this.#isCancelled || signal?.aborted === true) return new InterruptedError(url, error);
    return failureOfTransport(error, url);
  }

  #wrongLength(found: 'more' | 'fewer'): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#request.url, {
      expected: `${this.#first.lengthBytes} bytes`,
      found: `${found}, ${this.#readBytes} bytes`,
    });
  }
}

async function openPart(plugin: Plugin, request: Request, known: KnownResource | undefined): Promise<Part> {
  const { url, signal } = request;
  return await plugin.run(url, async (process) => {
    const options = { url, signal, limitMs: plugin.callLimitMs, expectedBytes: expectedBytesOf(request) };
    const response = await callForBody(process, '/download', callOf(request), options);
    let isOpen = true;
    process.activeCalls += 1;
    const close = (): void => {
      if (!isOpen) return;
      isOpen = false;
      process.activeCalls -= 1;
      process.lastUsedMs = performance.now();
      signal?.removeEventListener('abort', close);
      response.body.cancel();
    };
    signal?.addEventListener('abort', close, { once: true });
    try {
      return { process, close, body: response.body, ...checkResponse(response.header, request, known) };
    } catch (error) {
      close();
      throw error;
    }
  });
}

/** What names the version of a response. */
function nameOf({ header }: Part): string {
  return `${header.get('etag') ?? ''} ${header.get('last-modified') ?? ''}`.trim();
}

/** Whether that is strong: what has only a weak entity tag in common may have other bytes. */
function isNamed({ header }: Part): boolean {
  const etag = header.get('etag');
  return header.get('last-modified') !== null || (etag !== null && !isWeakEtag(etag));
}
