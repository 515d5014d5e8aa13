import type { D7yMount } from './d7y-mount.js';
import type { Fixtures } from './fixtures.js';
import type { Mounter } from './mounter.js';
import type { NginxOrigin } from './origin.js';
import type { Scratch } from './scratch.js';

/** What all rows share. */
export interface Setup {
  readonly scratch: Scratch;
  readonly origin: NginxOrigin;
  readonly fixtures: Fixtures;
  readonly ours: D7yMount;
  /** The peer in its modes; empty if it is not installed. */
  readonly peers: readonly Mounter[];
}

/** The file systems that a row compares: ours, and the peer in its modes. */
export function mountersOf({ ours, peers }: Setup): Mounter[] {
  return [ours, ...peers];
}
