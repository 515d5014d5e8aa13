import { codeOf } from '../../error-code.js';
import { SourceError } from '../errors.js';

/** A service that gives credentials cannot be reached, which says nothing about what they are for. */
const UNREACHABLE = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);
const MAX_CAUSES = 5;

/**
 * What a vendor's library threw, without the error itself: it has requests, answers and stderr of commands in it.
 * `place`: such as `aws:`.
 */
export function credentialFailure(place: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const found = error instanceof Error ? withoutOutput(error.message) : 'another value than an error';
  return isTemporary(error)
    ? new SourceError('BUSY', 'credentials cannot be fetched now', place, { expected: 'credentials', found })
    : new SourceError('ACCESS_DENIED', 'credentials cannot be fetched', place, {
        expected: 'credentials',
        found,
      });
}

/** Node's message for a command that failed has its arguments and its stderr. */
function withoutOutput(message: string): string {
  return message.startsWith('Command failed') ? 'a command that fails' : message;
}

function isTemporary(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth += 1) {
    if (UNREACHABLE.has(codeOf(cause)) || cause.name === 'TimeoutError' || statusOf(cause) >= 500)
      return true;
    ({ cause } = cause);
  }
  return false;
}

/** As the libraries of AWS and Google have it. */
function statusOf(error: Error): number {
  const { status, $metadata } = error as {
    readonly status?: unknown;
    readonly $metadata?: { httpStatusCode?: unknown };
  };
  return Number(status ?? $metadata?.httpStatusCode ?? 0);
}
