import type { FoundJournal } from './dev-fuse/journal.js';

/** By what another process goes on with the mount when this one ends (docs/ARCHITECTURE.md, "The journal"). */
export interface Continuation {
  /** Two files in memory. */
  readonly journal: readonly [number, number];
  /** Of the mount that an earlier process has served: it is there. Undefined: it is to be mounted. */
  readonly resumed?: ResumedMount | undefined;
  /** A service manager has the descriptors meanwhile. */
  readonly isStored: boolean;
  /** What that process must know of the mount. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Called with the descriptor of /dev/fuse of a new mount: to be kept from then on, with the journal. */
  readonly keep: (descriptor: number) => void;
  /** The journal could not be written, and is empty now. */
  readonly onFailed: (error: unknown) => void;
}

export interface ResumedMount {
  readonly descriptor: number;
  readonly found: FoundJournal;
}
