/** What is known of a server from its FEAT (RFC 2389) and its refusals, for all connections to it. */
export class ServerTraits {
  /** By their commands, in capitals; undefined: not asked yet. */
  #features: ReadonlyMap<string, string> | undefined;
  /** Commands that it turned out not to know. */
  readonly #unknown = new Set<string>();
  /** LIST writes times in UTC; undefined: not compared yet. */
  listsInUtc: boolean | undefined;
  /** LIST writes permissions, as far as was seen. */
  listsModes = true;
  /** Reads can begin anywhere; undefined: not tried yet. */
  restarts: boolean | undefined;

  get isAsked(): boolean {
    return this.#features !== undefined;
  }

  setFeatures(reply: string): void {
    const lines = reply.split('\n').slice(1, -1);
    this.#features = new Map(
      lines.map((line) => {
        const [command = '', ...rest] = line.trim().split(' ');
        return [command.toUpperCase(), rest.join(' ')];
      }),
    );
    if (/\bSTREAM\b/i.test(this.#features.get('REST') ?? '')) this.restarts = true;
  }

  /** What FEAT says behind a command; undefined: it does not list it. */
  parameterOf(command: string): string | undefined {
    return this.#features?.get(command);
  }

  has(command: string): boolean {
    return this.parameterOf(command) !== undefined && this.knows(command);
  }

  /** As far as was tried. */
  knows(command: string): boolean {
    return !this.#unknown.has(command);
  }

  noteUnknown(command: string): void {
    this.#unknown.add(command);
  }
}
