/**
 * Downloads by way of a cluster of Dragonfly: GETs in absolute form to the proxy of a dfdaemon, whose answers are checked against
 * what the source itself said of the version. Whatever goes wrong, the caller reads from the source (docs/P2P.md).
 */
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { setTimeout as sleep } from 'node:timers/promises';

import { withUid, uidOf } from '../caller-uid.js';
import type { DialectReader } from '../http/dialect-reader.js';
import { failureOf } from '../http/http-failure.js';
import { expectedBytesOf } from '../http/http-download.js';
import type { HttpAnswer } from '../http/http-engine.js';
import type { ContentRange } from '../http/response-check.js';
import { isWeakEtag, type Request, type Validators } from '../request.js';
import type { Response } from '../response.js';
import { Breaker } from './breaker.js';
import { P2pActivity, type FallbackReason, type P2pReport } from './p2p-activity.js';
import { verdictOf } from './p2p-answer.js';
import { p2pHeader } from './p2p-header.js';
import type { P2pMode, P2pRule, P2pSettings } from './p2p-settings.js';
import { Pace } from './pace.js';
import { type PeerAnswer, peerResponse } from './peer-response.js';
import { PreconditionTests } from './precondition-tests.js';
import { sharedTarget, type SharedTarget, type SharingRule } from './shared-target.js';
import { taskIdentity } from './task-identity.js';

/** dfdaemon answers when its first piece is there. */
const FIRST_BYTE_MS = 10_000;
const STALL_MS = 10_000;
/** Smaller files, and smaller ranges, dfdaemon reads from the source itself, or they are not worth its disk. */
const MIN_FILE_BYTES = 16 * 2 ** 20;
const MIN_RANGE_BYTES = 4 * 2 ** 20 + 1;
const MAX_HOSTS = 1_000;
const MAX_REFUSED = 1_000;

export interface PeerDownloadsOptions {
  /** They may be others at each call. */
  readonly settings: () => P2pSettings;
  readonly ruleFor: (url: URL) => P2pRule & SharingRule;
  readonly log: Logger;
  /** Shorter in tests. */
  readonly firstByteMs?: number;
  readonly stallMs?: number;
  readonly now?: () => number;
}

export class PeerDownloads {
  readonly #options: Required<PeerDownloadsOptions>;
  readonly #activity = new P2pActivity();
  readonly #breaker: Breaker;
  readonly #pace: Pace;
  readonly #preconditions = new PreconditionTests();
  /** Until when dfdaemon is left alone, by host. */
  readonly #busyUntilMs = new LRUCache<string, number>({ max: MAX_HOSTS });
  /** Identities whose bytes were not the source's. */
  readonly #refused = new LRUCache<string, true>({ max: MAX_REFUSED });

  constructor(given: PeerDownloadsOptions) {
    const now = given.now ?? performance.now.bind(performance);
    this.#options = { firstByteMs: FIRST_BYTE_MS, stallMs: STALL_MS, ...given, now };
    this.#pace = new Pace(now);
    this.#breaker = new Breaker((reason) => {
      given.log.warn({ reason }, `dfdaemon fails: all is read from the sources for a while (${reason})`);
    }, now);
  }

  get stallMs(): number {
    return this.#options.stallMs;
  }

  /** How a version of a URL may be read; undefined: from its source alone. */
  modeFor(url: string, version: Validators): P2pMode | undefined {
    const { proxy, mode } = this.#options.settings();
    if (proxy === undefined || !isShareable(version, undefined)) return undefined;
    return this.#options.ruleFor(new URL(url)).p2p === true ? mode : undefined;
  }

  /** Undefined: nothing is configured. */
  get report(): P2pReport | undefined {
    const { proxy, mode } = this.#options.settings();
    if (proxy === undefined) return undefined;
    const { untilMs } = this.#breaker;
    const leftMs = untilMs === undefined ? undefined : Math.max(0, untilMs - this.#options.now());
    return {
      proxy: proxy.origin,
      mode,
      brokenUntilMs: leftMs === undefined ? undefined : Date.now() + leftMs,
      ...this.#activity.report,
    };
  }

  /** `ResourceClient.downloadShared`. Rejects only when the caller gave up. */
  async download(request: Request, reader: DialectReader): Promise<Response | undefined> {
    const { proxy } = this.#options.settings();
    const { url, pin, range } = request;
    const rule = this.#options.ruleFor(url);
    if (proxy === undefined || rule.p2p !== true || pin === undefined || !isShareable(pin, range))
      return undefined;
    // What a caller adds may be a credential.
    if (request.hasHeader || !this.#mayAsk(url.host)) return undefined;
    const endsAtMs = this.#options.now() + this.#options.firstByteMs;
    const target = await this.#targetOf(request, reader, rule, pin);
    if (target === undefined) return undefined;
    const identity = taskIdentity(target.identityUrl, pin, rule.shareScope);
    if (this.#refused.has(identity)) return undefined;
    if (!(await this.#waitForTurn(request)) || !this.#breaker.tryPass()) return undefined;
    const given = { proxy, identity };
    const first = await this.#answerTo(request, reader, target, { ...given, endsAtMs });
    if (first === undefined) return undefined;
    const reopen = async (position: number): Promise<PeerAnswer | undefined> => {
      const part = request.with({ range: partFrom(position, first.contentRange) });
      if (!this.#mayAsk(url.host) || !(await this.#waitForTurn(part))) return undefined;
      const untilMs = this.#options.now() + this.#options.firstByteMs;
      return await this.#answerTo(part, reader, target, { ...given, endsAtMs: untilMs });
    };
    return peerResponse(request, first, reopen, {
      complete: () => {
        this.#activity.note('ok');
        this.#breaker.succeed();
      },
      leave: () => {
        this.#activity.note('ok');
        this.#breaker.pass();
      },
      fail: (reason, found) => this.#fail(reason, found),
      mismatch: () => this.#refuse(identity, 'other bytes than the digest says'),
    });
  }

  /** With what it failed for noted. */
  async #answerTo(
    request: Request,
    reader: DialectReader,
    target: SharedTarget,
    given: { readonly proxy: URL; readonly identity: string; readonly endsAtMs: number },
  ): Promise<PeerAnswer | undefined> {
    const answer = await this.#send(request, reader, target, given);
    return answer && this.#checked(request, reader, answer, given.identity);
  }

  #mayAsk(host: string): boolean {
    const { untilMs } = this.#breaker;
    const nowMs = this.#options.now();
    return (untilMs === undefined || nowMs >= untilMs) && (this.#busyUntilMs.get(host) ?? 0) <= nowMs;
  }

  /** Undefined too if the source cannot be asked now: the download from it will say why. */
  async #targetOf(
    request: Request,
    reader: DialectReader,
    rule: SharingRule,
    pin: Validators,
  ): Promise<SharedTarget | undefined> {
    const { firstByteMs, log } = this.#options;
    const late = AbortSignal.timeout(firstByteMs);
    const { signal } = request;
    const limited = request.with({
      signal: signal === undefined ? late : withUid(AbortSignal.any([signal, late]), uidOf(signal)),
    });
    try {
      const target = await sharedTarget(limited, reader, rule, firstByteMs);
      if (target === undefined || target.namesVersion) return target;
      const areHeeded = await this.#preconditions.areHeeded(limited, reader, target.own, pin);
      return areHeeded ? target : undefined;
    } catch (error) {
      signal?.throwIfAborted();
      log.debug({ err: error }, 'cannot be shared');
      return undefined;
    }
  }

  async #waitForTurn({ signal }: Request): Promise<boolean> {
    const waitMs = this.#pace.take();
    if (waitMs === undefined) this.#activity.note('rate_limit');
    if (waitMs === undefined) return false;
    if (waitMs > 0) await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
    return true;
  }

  async #send(
    request: Request,
    { engine }: DialectReader,
    target: SharedTarget,
    given: { readonly proxy: URL; readonly identity: string; readonly endsAtMs: number },
  ): Promise<HttpAnswer | undefined> {
    const { range, pin, priority } = request;
    const { stallMs, now } = this.#options;
    const beganMs = now();
    const own = p2pHeader({
      identity: given.identity,
      priority,
      range,
      pin: target.namesVersion ? undefined : pin,
    });
    try {
      const answer = await engine.sendToPeers(
        {
          proxy: given.proxy,
          url: target.url,
          header: { ...target.header, ...own },
          expectedBytes: expectedBytesOf(request),
          headersTimeoutMs: Math.max(1, given.endsAtMs - beganMs),
          idleTimeoutMs: stallMs,
        },
        request,
      );
      this.#activity.noteFirstByte(now() - beganMs);
      return answer;
    } catch (error) {
      if (request.signal?.aborted === true) {
        this.#breaker.pass();
        throw error;
      }
      const failure = failureOf(error, request.url, request.signal);
      this.#fail(failure.code === 'TIMEOUT' ? 'first_byte' : 'error', failure.found ?? failure.message);
      return undefined;
    }
  }

  #checked(
    request: Request,
    reader: DialectReader,
    answer: HttpAnswer,
    identity: string,
  ): PeerAnswer | undefined {
    const verdict = verdictOf(answer);
    if (verdict.kind !== 'content') {
      answer.body.cancel();
      this.#noteVerdict(request.url.host, verdict);
      return undefined;
    }
    try {
      const { url, range, pin } = request;
      const contentRange = reader.check(answer, { url, range, pin });
      if (answer.header.get('content-length') === null) throw new Error('a body without a length');
      if (contentRange.start !== (range?.start ?? 0)) throw new Error('another range');
      return { answer, contentRange };
    } catch (error) {
      answer.body.cancel();
      this.#breaker.pass();
      this.#refuse(identity, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #noteVerdict(
    host: string,
    verdict: Exclude<ReturnType<typeof verdictOf>, { readonly kind: 'content' }>,
  ): void {
    switch (verdict.kind) {
      case 'refused':
        this.#breaker.pass();
        this.#activity.note('refused');
        return;
      case 'busy':
        this.#breaker.pass();
        this.#busyUntilMs.set(host, this.#options.now() + verdict.forMs);
        this.#activity.note('rate_limit');
        return;
      case 'forbidden':
        this.#activity.note('error');
        this.#activity.noteError(verdict.found);
        this.#breaker.open(verdict.found);
        return;
      case 'failed':
        this.#fail('error', verdict.found);
    }
  }

  #fail(reason: FallbackReason, found: string): void {
    this.#activity.note(reason);
    this.#activity.noteError(found);
    this.#options.log.debug({ reason, found }, 'dfdaemon failed; reading from the source');
    this.#breaker.fail(found);
  }

  /** Its bytes are read from the source from now on. */
  #refuse(identity: string, found: string): void {
    this.#refused.set(identity, true);
    this.#activity.note('mismatch');
    this.#activity.noteError(found);
    this.#options.log.warn(
      { found },
      'dfdaemon has another content than the source; reading from the source',
    );
  }
}

/** From a position on, and no less than dfdaemon has from its peers. */
function partFrom(position: number, { end = 0 }: ContentRange): { start: number; end: number } {
  return { start: Math.min(position, end - MIN_RANGE_BYTES), end };
}

/** Whether nodes can know that they mean the same bytes, and there are enough of them. */
function isShareable(pin: Validators, range: Request['range']): boolean {
  const { etag, lastModifiedMs, contentLength } = pin;
  const isStrong = etag === undefined ? lastModifiedMs !== undefined : !isWeakEtag(etag);
  if (!isStrong || contentLength === undefined || contentLength < MIN_FILE_BYTES) return false;
  return range === undefined || Math.min(range.end, contentLength) - range.start >= MIN_RANGE_BYTES;
}
