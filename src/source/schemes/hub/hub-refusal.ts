import { NotFoundError, SourceError } from '../../errors.js';
import type { Refusal } from '../../http/refusal.js';
import { saidBySource } from '../../safe-text.js';
import type { HubOptions } from './hub.js';

/** By the headers of Hugging Face's hub: `X-Error-Code`, `X-Error-Message`, `RateLimit`. `url`: for the error. */
export function explainHubRefusal(
  { status, header, url: refusing }: Refusal,
  url: URL,
  { baseUrl, tokenNotFound }: HubOptions,
): SourceError | undefined {
  if (refusing.origin !== baseUrl.origin) return undefined;
  const message = saidBySource(header.get('x-error-message') ?? '');
  const found = message === '' ? `status ${status}` : message;
  const denied = (expected: string): SourceError =>
    new SourceError('ACCESS_DENIED', 'the hub denies access', url, { expected, found, status });
  switch (header.get('x-error-code') ?? '') {
    case 'GatedRepo':
      return denied(`access to a gated repository: accept its terms on its page at ${baseUrl.origin}`);
    case 'DisabledRepo':
      return denied('a repository that is not disabled');
    case 'RepoNotFound':
    case 'RevisionNotFound':
    case 'EntryNotFound':
      return new NotFoundError(url, { found: [found, tokenNotFound()].filter(Boolean).join('; '), status });
    default:
  }
  if (status === 401 && /invalid (?:credentials|username)/i.test(message)) return denied('a valid token');
  // Without a token the hub does not say whether a repository is private or missing.
  if (status === 401)
    return new NotFoundError(url, { found: [found, tokenNotFound()].filter(Boolean).join('; '), status });
  if (status !== 429) return undefined;
  const seconds = /\bt=(\d{1,5})/.exec(header.get('ratelimit') ?? '')?.[1];
  return new SourceError('BUSY', 'the hub limits requests', url, {
    found: saidBySource(header.get('ratelimit') ?? found),
    status,
    ...(seconds === undefined ? {} : { retryAfterMs: Number(seconds) * 1000 }),
  });
}
