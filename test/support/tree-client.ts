import { createHash } from 'node:crypto';

import {
  ChangedError,
  type ContentDigest,
  type Metadata,
  newResponse,
  NotFoundError,
  type Request,
  type ResourceClient,
  type UrlEntry,
} from '../../src/source/index.js';

const CHUNK_BYTES = 64 * 1024;
const LAST_MODIFIED = Date.UTC(2024, 0, 2, 3, 4, 5);

/** A hierarchical source in memory: keys as in a bucket, in which `a/` is a directory if a key begins so. */
export class TreeClient implements ResourceClient {
  /** By key, percent-encoded, without a leading slash. */
  readonly files = new Map<string, string>();
  /** The calls, as `stat a/b`, `list a/` and `read a/b 0-5`. */
  readonly calls: string[] = [];
  /** Fails a call, where it throws. */
  beforeCall: (call: string) => void = () => undefined;
  /** Whether a listing has ETags. */
  hasListedEtags = true;
  hasRanges = true;
  /** Of contents, by key. */
  readonly digests = new Map<string, ContentDigest>();
  /** Whether listings give them, too. */
  hasListedDigests = true;
  /** Permission bits, by key; of a directory without the slash. */
  readonly modes = new Map<string, number>();
  /** Entries in a page of a listing. */
  pageEntries = Infinity;

  constructor(files: Readonly<Record<string, string>>) {
    for (const [key, content] of Object.entries(files)) this.files.set(key, content);
  }

  /** The calls since the last time. */
  taken(): string[] {
    return this.calls.splice(0);
  }

  async getMetadata(request: Request): Promise<Metadata> {
    const key = keyOf(request);
    this.#begin(`stat ${key}`);
    if (this.#entries(`${key}/`).length > 0) {
      const mode = this.modes.get(key);
      return { kind: 'directory', contentLength: -2, supportRange: false, lastModified: -1, mode };
    }
    const content = this.files.get(key);
    if (content === undefined) throw new NotFoundError(request.url);
    const facts = {
      contentLength: content.length,
      supportRange: this.hasRanges,
      lastModified: LAST_MODIFIED,
      mode: this.modes.get(key),
    };
    const prefix = content.slice(0, this.hasRanges ? request.range?.end : undefined);
    const response = newResponse(chunksOf(prefix), { offset: 0, contentLength: prefix.length });
    return { kind: 'file', ...facts, etag: etagOf(content), response, ...this.#digestOf(key) };
  }

  async *list(request: Request): AsyncGenerator<UrlEntry[]> {
    const key = keyOf(request);
    const entries = this.#entries(key).map((entry) => ({ ...entry, url: new URL(entry.name, request.url) }));
    for (let at = 0; at === 0 || at < entries.length; at += this.pageEntries) {
      this.#begin(`list ${key}`);
      yield entries.slice(at, at + this.pageEntries);
    }
  }

  async download(request: Request): Promise<ReturnType<typeof newResponse>> {
    const key = keyOf(request);
    const range = request.range ?? { start: 0, end: Infinity };
    this.#begin(`read ${key} ${range.start}-${range.end}`);
    const { start, end } = this.hasRanges ? range : { start: 0, end: Infinity };
    const content = this.files.get(key);
    if (content === undefined) throw new NotFoundError(request.url);
    const etag = etagOf(content);
    if (request.pin?.etag !== undefined && request.pin.etag !== etag) {
      throw new ChangedError(request.url, { expected: request.pin.etag, found: etag });
    }
    const part = content.slice(start, end);
    return newResponse(chunksOf(part), {
      offset: start,
      contentLength: part.length,
      header: { etag },
      ...this.#digestOf(key),
    });
  }

  async isExpired(request: Request, { etag }: { etag?: string }): Promise<boolean> {
    const key = keyOf(request);
    this.#begin(`check ${key}`);
    return etag !== etagOf(this.files.get(key) ?? '');
  }

  getContentLength = (request: Request): Promise<number> =>
    this.getMetadata(request).then(({ contentLength }) => contentLength);
  isSupportRange = (): Promise<boolean> => Promise.resolve(true);
  getLastModified = (): Promise<number> => Promise.resolve(LAST_MODIFIED);

  #begin(call: string): void {
    this.calls.push(call);
    this.beforeCall(call);
  }

  #digestOf(key: string): { readonly digest?: ContentDigest } {
    const digest = this.digests.get(key);
    return digest === undefined ? {} : { digest };
  }

  /** One level below a prefix; a key may also be a prefix. */
  #entries(prefix: string): Omit<UrlEntry, 'url'>[] {
    const entries = new Map<string, Omit<UrlEntry, 'url'>>();
    for (const [key, content] of this.files) {
      if (!key.startsWith(prefix)) continue;
      const [name = '', ...rest] = key.slice(prefix.length).split('/');
      const isDir = rest.length > 0;
      const etag = this.hasListedEtags ? etagOf(content) : undefined;
      const file = { size: content.length, lastModified: LAST_MODIFIED, etag };
      const digest = this.hasListedDigests ? this.#digestOf(key) : {};
      const facts = isDir ? {} : { ...file, ...digest };
      const mode = this.modes.get(`${prefix}${name}`);
      entries.set(`${name}${isDir ? '/' : ''}`, { name, isDir, mode, ...facts });
    }
    return [...entries.values()];
  }
}

function keyOf({ url }: Request): string {
  return url.pathname.replace(/^\//, '') + url.search;
}

async function* chunksOf(content: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

function etagOf(content: string): string {
  return `"${createHash('md5').update(content).digest('hex')}"`;
}
