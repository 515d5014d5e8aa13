import type { Awaitable } from '../../awaitable.js';
import { InterruptedError, SourceError, TimeoutError } from '../errors.js';
import { orAborted } from '../or-aborted.js';
import type { AuthorizableRequest, Authorization, Authorizer } from './authorizer.js';
import type { HttpCaller } from './http-engine.js';
import type { Refusal } from './refusal.js';

/** What an authorizer adds to one try, within the deadline. At once where it has it at once. */
export function authorize(
  authorizer: Authorizer,
  request: AuthorizableRequest,
  caller: HttpCaller,
  limitMs: number,
): Awaitable<Authorization | undefined> {
  try {
    const given = authorizer.authorize(request, caller.signal);
    return given instanceof Promise ? withinDeadline(given, caller, limitMs) : given;
  } catch (error) {
    throw credentialFailure(error, caller);
  }
}

/** Whether the request may be sent again, once. */
export async function maySendAgain(
  authorizer: Authorizer,
  refusal: Refusal,
  caller: HttpCaller,
  limitMs: number,
): Promise<boolean> {
  const answer = Promise.resolve(authorizer.refused?.(refusal, caller.signal) ?? false);
  return await withinDeadline(answer, caller, limitMs);
}

/** A provider of credentials need not know the deadline, nor look at the signal. */
async function withinDeadline<Result>(
  work: Promise<Result>,
  caller: HttpCaller,
  limitMs: number,
): Promise<Result> {
  const { signal, url } = caller;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const facts = { expected: `credentials within ${limitMs / 1000} s`, found: 'none' };
    timer = setTimeout(() => reject(new TimeoutError(url, facts)), limitMs);
  });
  try {
    return await orAborted(Promise.race([work, late]), signal, url);
  } catch (error) {
    throw credentialFailure(error, caller);
  } finally {
    clearTimeout(timer);
  }
}

function credentialFailure(error: unknown, { url, signal }: HttpCaller): SourceError {
  if (error instanceof SourceError) return error;
  if (signal?.aborted === true) return new InterruptedError(url, error);
  return new SourceError('ACCESS_DENIED', 'there are no credentials for the request', url, {
    expected: 'credentials',
    found: error instanceof Error ? error.message : String(error),
    cause: error,
  });
}
