import type { Outcome } from './run-command.js';
import type { DirectoryKind } from './sweep.js';

/** A difference that is meant to be. */
export interface Expected {
  readonly command: RegExp;
  readonly kinds?: readonly DirectoryKind[];
  /** What the mount shows instead: exit code and errors or output. */
  readonly code?: number;
  readonly shows?: RegExp;
  /** As in docs/SEMANTICS.md. */
  readonly reason: string;
}

export const EXPECTED: readonly Expected[] = [];

export function expectedOf(command: string, kind: DirectoryKind, outcome: Outcome): Expected | undefined {
  return EXPECTED.find(
    (expected) =>
      expected.command.test(command) &&
      (expected.kinds?.includes(kind) ?? true) &&
      (expected.code ?? outcome.code) === outcome.code &&
      (expected.shows?.test(`${outcome.stdout}\n${outcome.stderr}`) ?? true),
  );
}
