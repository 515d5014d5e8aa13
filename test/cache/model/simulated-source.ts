import {
  ChangedError,
  type Metadata,
  NotFoundError,
  type Request,
  type ResourceClient,
  type Response,
  SourceError,
  type SourceErrorCode,
  TimeoutError,
  UNKNOWN_LAST_MODIFIED,
  UNKNOWN_SOURCE_FILE_LEN,
  type UrlEntry,
} from '../../../src/source/index.js';
import type { Random } from '../../support/random.js';
import { ActiveRequest, type Scope } from './active-request.js';
import { type Fault, pickFault } from './faults.js';
import { simulatedResponse } from './simulated-body.js';
import type { FileVersion, SimulatedFile } from './simulated-file.js';

/** A source in memory, with the faults of real ones. It knows of every failure that a reader may see. */
export class SimulatedSource implements ResourceClient {
  readonly files: readonly SimulatedFile[];
  readonly #random: Random;
  readonly #now: () => number;
  readonly #active = new Set<ActiveRequest>();
  /** Those that were under way at some time in this step. */
  #recent: ActiveRequest[] = [];
  faultRate = 0;

  constructor(files: readonly SimulatedFile[], random: Random, now: () => number) {
    this.files = files;
    this.#random = random;
    this.#now = now;
  }

  beginStep(): void {
    this.#recent = this.#recent.filter((request) => !request.isEnded);
  }

  /** The failures that are due to the source. */
  excuses(url: string, scope: Scope): Set<SourceErrorCode> {
    const codes = new Set<SourceErrorCode>();
    for (const request of this.#recent) {
      if (request.url !== url || !request.scopes.has(scope)) continue;
      for (const code of request.codes) codes.add(code);
    }
    return codes;
  }

  get activeCount(): number {
    return this.#active.size;
  }

  get rangedCount(): number {
    return [...this.#active].filter(({ isRanged }) => isRanged).length;
  }

  /** Ends what hangs: it goes on, or times out. Returns whether anything did. */
  releaseHanging(): boolean {
    const hanging = [...this.#active].filter(({ isHanging }) => isHanging);
    for (const request of hanging) request.release(this.#random.chance(0.4));
    return hanging.length > 0;
  }

  // The five methods return less than `getMetadata`, which is preferred where it exists.
  async getContentLength(request: Request): Promise<number> {
    return (await this.getMetadata(request)).contentLength;
  }

  async isSupportRange(request: Request): Promise<boolean> {
    return (await this.getMetadata(request)).supportRange;
  }

  async getLastModified(request: Request): Promise<number> {
    return (await this.getMetadata(request)).lastModified;
  }

  async isExpired(request: Request, info: { etag?: string; lastModified?: string }): Promise<boolean> {
    const { file, active } = await this.#begin(request, 'metadata', false, false);
    active.end();
    // A definite answer that is not the resource.
    if (file.isMissing) return true;
    file.noteAnswer(this.#now());
    const { etag, lastModifiedMs } = file.current;
    if (etag !== undefined) return info.etag !== etag;
    if (lastModifiedMs !== undefined) return info.lastModified !== new Date(lastModifiedMs).toUTCString();
    return true;
  }

  async getMetadata(request: Request): Promise<Metadata> {
    const hasBody = request.range !== undefined && this.#fileOf(request).traits.bringsBody;
    const { file, active } = await this.#begin(request, 'metadata', hasBody);
    file.noteAnswer(this.#now());
    const { current, traits } = file;
    active.scopes.add(current.number);
    const response = hasBody ? this.#answer(active, request, file) : undefined;
    if (response === undefined) active.end();
    return {
      kind: 'file',
      contentLength: traits.isLengthKnown ? current.bytes.length : UNKNOWN_SOURCE_FILE_LEN,
      supportRange: traits.supportRange,
      lastModified: current.lastModifiedMs ?? UNKNOWN_LAST_MODIFIED,
      ...(current.etag === undefined ? {} : { etag: current.etag }),
      ...(current.digest === undefined ? {} : { digest: current.digest }),
      ...(response === undefined ? {} : { response }),
    };
  }

  async list(request: Request): Promise<readonly UrlEntry[]> {
    await Promise.resolve();
    if (this.#random.chance(this.faultRate)) {
      for (const file of this.files) file.hasFailedSince = true;
      throw new SourceError('CONNECTION_REFUSED', 'refused', request.url);
    }
    return this.files
      .filter(({ isMissing }) => !isMissing)
      .map((file) => {
        const { bytes, etag, digest, lastModifiedMs: lastModified } = file.current;
        const url = new URL(file.url);
        const name = url.pathname.slice(1);
        if (!file.isListedWhole) return { name, url, isDir: false, size: bytes.length, lastModified };
        file.noteAnswer(this.#now());
        return { name, url, isDir: false, size: bytes.length, etag, digest };
      });
  }

  async download(request: Request): Promise<Response> {
    const { etag, lastModifiedMs, contentLength } = request.pin ?? {};
    const file = this.#fileOf(request);
    const pinned = file.versions.find(
      (version) => version.etag === etag && version.lastModifiedMs === lastModifiedMs,
    );
    const isVerifiable = file.traits.validator !== 'none';
    const scope = isVerifiable ? (pinned?.number ?? 'metadata') : file.current.number;
    const { active } = await this.#begin(request, scope, true);
    const { current } = file;
    const isOther =
      current.etag !== etag ||
      current.lastModifiedMs !== lastModifiedMs ||
      (contentLength !== undefined && contentLength !== current.bytes.length);
    if (isOther) this.#fail(active, new ChangedError(request.url, { expected: `version ${pinned?.number}` }));
    return this.#answer(active, request, file);
  }

  #fileOf({ url }: Request): SimulatedFile {
    const file = this.files.find((known) => known.url === url.href);
    if (file === undefined) throw new NotFoundError(url);
    return file;
  }

  /** The head of an answer: with its faults, and only for a file that is there. */
  async #begin(
    request: Request,
    scope: Scope,
    hasBody: boolean,
    mustExist = true,
  ): Promise<{ file: SimulatedFile; active: ActiveRequest }> {
    const file = this.#fileOf(request);
    const { supportRange, isLengthKnown, validator } = file.traits;
    // Without validators there is one download, which stays for a while.
    const isRanged = supportRange && isLengthKnown && validator !== 'none';
    const hasRange = isRanged && hasBody && scope !== 'metadata';
    const facts = { hasRange, hasBody, isLengthTold: hasRange || isLengthKnown };
    const fault: Fault = this.#random.chance(this.faultRate) ? pickFault(this.#random, facts) : 'none';
    const active: ActiveRequest = new ActiveRequest(request.url.href, {
      fault,
      isRanged: isRanged || !hasBody,
      scope,
      signal: request.signal,
      onEnd: () => this.#active.delete(active),
    });
    if (!active.isEnded) this.#active.add(active);
    this.#recent.push(active);
    await Promise.resolve();
    active.throwIfEnded();
    if (scope === 'metadata' && fault !== 'none') file.hasFailedSince = true;
    if (fault === 'refused')
      this.#fail(active, new SourceError('CONNECTION_REFUSED', 'refused', request.url));
    if (fault === 'thrown') this.#fail(active, new TypeError('a fault of the client'));
    if (fault === 'silent' && !(await active.hang())) {
      this.#fail(active, new TimeoutError(request.url, { expected: 'an answer' }));
    }
    if (file.isMissing && mustExist) {
      file.noteAnswer(this.#now());
      this.#fail(active, new NotFoundError(request.url));
    }
    return { file, active };
  }

  #fail(active: ActiveRequest, error: Error): never {
    if (error instanceof SourceError) active.codes.add(error.code);
    active.end();
    throw error;
  }

  #answer(active: ActiveRequest, request: Request, file: SimulatedFile): Response {
    const { current, traits } = file;
    const { fault } = active;
    const { bytes, offset } = this.#bodyOf(fault, request, file, current);
    const isUntold = fault === 'unlabelled' || fault === 'ignored';
    const isBroken = fault === 'lost' || fault === 'stalled';
    const cut = fault === 'short' ? this.#random.below(bytes.length + 1) : bytes.length;
    const sent =
      fault === 'long' ? Buffer.concat([bytes, Buffer.alloc(5_000, 0xbb)]) : bytes.subarray(0, cut);
    const isLengthTold = !isUntold && (traits.isLengthKnown || traits.supportRange);
    return simulatedResponse(
      active,
      {
        bytes: sent,
        offset: isUntold ? undefined : offset,
        contentLength: isLengthTold ? bytes.length : -1,
        faultAt: isBroken ? this.#random.below(bytes.length + 1) : Infinity,
        drains: traits.drains,
      },
      this.#random,
    );
  }

  #bodyOf(
    fault: Fault,
    request: Request,
    { traits }: SimulatedFile,
    { bytes }: FileVersion,
  ): { bytes: Buffer; offset: number } {
    const range = request.range;
    const isWhole = range === undefined || !traits.supportRange || fault === 'whole' || fault === 'ignored';
    if (isWhole) return { bytes, offset: 0 };
    const shift =
      fault === 'late' ? 1 : fault === 'early' ? -Math.min(range.start, this.#random.below(9_000)) : 0;
    const offset = range.start + shift;
    return { bytes: bytes.subarray(offset, range.end), offset };
  }
}
