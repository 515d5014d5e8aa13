import type { SourceErrorCode } from '../../../src/source/index.js';
import type { Random } from '../../support/random.js';

/** What can happen to one request. The answers that only look odd are `none`, `early`, `whole` and `unlabelled`. */
export type Fault =
  | 'none'
  /** Refused, before anything came. */
  | 'refused'
  /** The client throws something that is no `SourceError`. */
  | 'thrown'
  /** Breaks in the middle of the body. */
  | 'lost'
  /** The body ends early, without an error. */
  | 'short'
  /** The body goes on after its end. */
  | 'long'
  /** The body begins behind the range. */
  | 'late'
  /** The range is ignored, and no header says so. */
  | 'ignored'
  /** Nothing comes, before or in the body, until it is ended. */
  | 'silent'
  | 'stalled'
  /** The body begins before the range, and says so. */
  | 'early'
  /** The range was ignored, and the answer says so. */
  | 'whole'
  /** The right bytes, without their offset or their number. */
  | 'unlabelled';

/** The codes that a reader may see because of a fault. */
export const CODES_OF_FAULT: Readonly<Record<Fault, readonly SourceErrorCode[]>> = {
  none: [],
  refused: ['CONNECTION_REFUSED'],
  thrown: ['CLIENT_FAULT'],
  lost: ['CONNECTION_LOST'],
  short: ['PROTOCOL'],
  long: ['PROTOCOL'],
  late: ['PROTOCOL'],
  ignored: ['PROTOCOL'],
  silent: ['TIMEOUT'],
  stalled: ['TIMEOUT'],
  early: [],
  whole: [],
  unlabelled: [],
};

const BODY_FAULTS: Partial<Record<Fault, number>> = { lost: 3, stalled: 2, short: 2, long: 1 };
const HEAD_FAULTS: Partial<Record<Fault, number>> = { refused: 3, thrown: 1, silent: 2 };
const RANGE_FAULTS: Partial<Record<Fault, number>> = {
  late: 1,
  ignored: 1,
  early: 2,
  whole: 2,
  unlabelled: 3,
};

/** Which faults a request can have: those that cannot be detected are left out. */
export function pickFault(
  random: Random,
  request: { readonly hasRange: boolean; readonly hasBody: boolean; readonly isLengthTold: boolean },
): Fault {
  const weights: Partial<Record<Fault, number>> = {
    ...HEAD_FAULTS,
    ...(request.hasBody ? BODY_FAULTS : {}),
    ...(request.hasRange ? RANGE_FAULTS : {}),
  };
  // An end that comes too early or too late shows only if the length was given.
  if (!request.isLengthTold) {
    delete weights.short;
    delete weights.long;
  }
  return random.weighted(weights as Record<Fault, number>);
}
