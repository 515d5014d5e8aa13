/** Bodies of probes that wait for an open: the oldest is cancelled when there are more. */
const MAX_PARKED = 16;

export interface UsedVersion {
  /** Whether a body is kept ready though no handle is open, and no read waits for it. */
  readonly isParked: boolean;
  readonly stored: { close(): void };
  close(): void;
}

/** The versions that are open, or of which something is in flight. */
export class VersionsInUse {
  readonly #versions = new Set<UsedVersion>();
  /** Those whose probe brought a body that no read has taken, perhaps. */
  readonly #parked = new Set<UsedVersion>();

  add(version: UsedVersion): void {
    this.#versions.add(version);
  }

  delete(version: UsedVersion): void {
    this.#versions.delete(version);
    this.#parked.delete(version);
  }

  /** The body of a probe was handed to it. */
  park(version: UsedVersion): void {
    this.#parked.add(version);
    if (this.#parked.size <= MAX_PARKED) return;
    for (const parked of this.#parked) if (!parked.isParked) this.#parked.delete(parked);
    const [oldest] = this.#parked;
    if (this.#parked.size > MAX_PARKED) oldest?.close();
  }

  /** Ends everything that is in flight. */
  close(): void {
    for (const version of this.#versions) version.close();
    for (const version of this.#versions) version.stored.close();
  }
}
