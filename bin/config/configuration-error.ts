/** The configuration cannot be used. The message has a line for each fault, and no secret. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly code = 'CONFIGURATION';
  readonly faults: readonly ConfigurationFault[];

  constructor(faults: readonly ConfigurationFault[]) {
    super(faults.map(faultLine).join('\n'));
    this.faults = faults;
  }
}

export interface ConfigurationFault {
  /** A file, or a variable of the environment. */
  readonly place: string;
  /** From one on. Undefined: the whole file. */
  readonly line?: number;
  readonly column?: number;
  /** `sources[2].region`; empty: the whole. */
  readonly key: string;
  /** What was expected, and what was found. */
  readonly message: string;
}

export function faultLine({ place, line, column, key, message }: ConfigurationFault): string {
  const where = line === undefined ? place : `${place}:${line}:${column ?? 1}`;
  return `${where}${key === '' ? '' : ` ${key}`}: ${message}`;
}
