/** What an answer of dfdaemon means. Its header says so before the status does. */
import { parseRetryAfter } from '../http/http-failure.js';
import type { HttpAnswer } from '../http/http-engine.js';

export type P2pVerdict =
  | { readonly kind: 'content' }
  /** The source refuses it: another version, or whatever it says of it when it is asked directly. */
  | { readonly kind: 'refused'; readonly found: string }
  | { readonly kind: 'busy'; readonly forMs: number; readonly found: string }
  /** dfdaemon lets nothing of ours pass. */
  | { readonly kind: 'forbidden'; readonly found: string }
  | { readonly kind: 'failed'; readonly found: string };

const DEFAULT_BUSY_MS = 10_000;
const MAX_BUSY_MS = 300_000;

export function verdictOf({ status, header }: Pick<HttpAnswer, 'status' | 'header'>): P2pVerdict {
  const type = header.get('x-dragonfly-error-type');
  const found = type === null ? `status ${status}` : `status ${status} of ${type.slice(0, 20)}`;
  if (type === 'backend') return { kind: 'refused', found };
  if (type === null && (status === 200 || status === 206)) return { kind: 'content' };
  if (type === null || type === 'proxy') {
    if (status === 429) {
      const givenMs = parseRetryAfter(header.get('retry-after')) ?? DEFAULT_BUSY_MS;
      return { kind: 'busy', forMs: Math.min(givenMs, MAX_BUSY_MS), found };
    }
    if (status >= 400 && status < 500) return { kind: 'forbidden', found };
  }
  return { kind: 'failed', found };
}
