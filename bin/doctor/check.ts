/** The contract of the checks of `d7y-mount doctor`. */
import type { SetUp } from './set-up.js';

/** `unknown`: it could not be found out. */
export type CheckState = 'ok' | 'warn' | 'fail' | 'unknown';

export interface Finding {
  readonly state: CheckState;
  /** One line. It holds no secret. */
  readonly message: string;
  /** What to do, with the command where there is one. */
  readonly fix: string | undefined;
}

export interface Check {
  readonly id: string;
  /** A finding for each thing that was looked at; none: the check does not apply. */
  readonly run: (setUp: SetUp) => readonly Finding[] | Promise<readonly Finding[]>;
}

export interface CheckResult extends Finding {
  readonly id: string;
}

export function ok(message: string): Finding {
  return { state: 'ok', message, fix: undefined };
}

export function warn(message: string, fix: string): Finding {
  return { state: 'warn', message, fix };
}

export function fail(message: string, fix: string): Finding {
  return { state: 'fail', message, fix };
}

export function unknown(message: string, fix?: string): Finding {
  return { state: 'unknown', message, fix };
}
