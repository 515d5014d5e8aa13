import { LRUCache } from 'lru-cache';

import type { DialectReader } from '../http/dialect-reader.js';
import type { HttpTarget } from '../http/http-resource.js';
import { formatRangeHeader } from '../byte-range.js';
import type { Request, Validators } from '../request.js';
import { bogusPrecondition } from './p2p-header.js';

const MAX_ORIGINS = 1_000;
const VALID_MS = 3_600_000;

/**
 * Whether origins compare versions: where a condition that no version fits is met, a node of the cluster could get a new version
 * for the identity of an old one.
 */
export class PreconditionTests {
  readonly #results = new LRUCache<string, Promise<boolean>>({ max: MAX_ORIGINS, ttl: VALID_MS });

  /** Asked once of each origin, and of each URL where they lead elsewhere. Rejects if there is no answer. */
  async areHeeded(
    request: Request,
    reader: DialectReader,
    target: HttpTarget,
    pin: Validators,
  ): Promise<boolean> {
    const condition = bogusPrecondition(pin);
    const { origin, href } = target.url;
    const key = `${reader.redirects(origin) ? href : origin} ${Object.keys(condition).join()}`;
    const known = this.#results.get(key) ?? ask(request, reader, target, condition);
    this.#results.set(key, known);
    known.catch(() => this.#results.delete(key));
    return await known;
  }
}

async function ask(
  request: Request,
  { engine }: DialectReader,
  target: HttpTarget,
  condition: Readonly<Record<string, string>>,
): Promise<boolean> {
  const header = { ...target.header, ...condition, range: formatRangeHeader({ start: 0, end: 1 }) };
  // Without the pin: redirects are followed.
  const { url, signal } = request;
  const caller = { url, signal, pin: undefined, priority: 'foreground', promotion: undefined } as const;
  const answer = await engine.send({ ...target, header, allowed: [200, 206, 412] }, caller);
  answer.body.cancel();
  return answer.status === 412;
}
