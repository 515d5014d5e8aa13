import { NotFoundError, SourceError, type SourceErrorFacts } from '../../errors.js';
import { parseRetryAfter } from '../../http/http-failure.js';
import type { Refusal } from '../../http/refusal.js';
import { saidBySource } from '../../safe-text.js';

const NOT_FOUND = new Set([
  'NAME_UNKNOWN',
  'MANIFEST_UNKNOWN',
  'BLOB_UNKNOWN',
  'NAME_INVALID',
  'TAG_INVALID',
]);
const DENIED = new Set(['UNAUTHORIZED', 'DENIED']);
const MAX_SHOWN_CHARS = 200;

/** By the first of the registry's errors (OCI Distribution Specification, "Error Codes"), and the status without one. */
export function explainRegistryRefusal(
  { status, header, text }: Refusal,
  url: URL,
  loginNotFound: string | undefined,
): SourceError | undefined {
  const { code, message } = firstError(text);
  const said = [code ?? `status ${status}`, message].filter((part) => part !== undefined).join(': ');
  const facts: SourceErrorFacts = { status, found: said.slice(0, MAX_SHOWN_CHARS) };
  if (code === undefined ? status === 404 : NOT_FOUND.has(code)) return new NotFoundError(url, facts);
  if (code === undefined ? status === 401 || status === 403 : DENIED.has(code)) {
    return new SourceError('ACCESS_DENIED', 'the registry denies access', url, {
      ...facts,
      expected: 'a login that may pull',
      found: [facts.found, loginNotFound].filter((part) => part !== undefined).join('; '),
    });
  }
  if (code !== 'TOOMANYREQUESTS' && status !== 429) return undefined;
  const retryAfterMs = parseRetryAfter(header.get('retry-after'));
  return new SourceError('BUSY', 'the registry limits requests', url, {
    ...facts,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function firstError(text: string): { readonly code?: string; readonly message?: string } {
  try {
    const { errors } = (JSON.parse(text) ?? {}) as { readonly errors?: unknown };
    const [first] = Array.isArray(errors) ? (errors as readonly unknown[]) : [];
    const { code, message } = (first ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    return {
      ...(typeof code === 'string' ? { code } : {}),
      ...(typeof message === 'string' ? { message: saidBySource(message) } : {}),
    };
  } catch {
    return {};
  }
}
