/** Exit codes of commands about mounts; docs/OPERATING.md has them all. */
export const EXIT = {
  failure: 1,
  usage: 2,
  notRunning: 3,
  unhealthy: 4,
  unreachable: 69,
  permission: 77,
  config: 78,
} as const;

/** A command ends with this message, and exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: number;

  constructor(exitCode: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}
