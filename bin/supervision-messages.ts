import type { GivenMount } from './config/options.js';

/** To a supervisor, first of all: what it keeps, and what the next process is given. */
export interface SupervisedMount {
  /** It may hold secrets, so that it is no argument. */
  readonly given: GivenMount;
  readonly mountpoint: string;
  /** As the mount table has it. */
  readonly device: string;
  readonly pid: number;
  readonly logFile: string;
}

/** From a process that serves a mount to its supervisor. `ended`: no other is to follow. */
export type ServerMessage = 'alive' | 'serving' | 'ended' | 'handing over';

/** From a supervisor to a process that goes on with a mount: it has the descriptors in these places. */
export interface ResumedStart {
  readonly given: GivenMount;
  readonly logFile: string;
  readonly supervisor: number;
}

export const ALIVE_INTERVAL_MS = 5_000;

/** Where the child finds the descriptors: behind the standard streams and the channel. */
export const PASSED = { device: 4, journal: [5, 6] } as const;
