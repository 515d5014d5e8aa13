import type { Contender } from './contender.js';
import type { D7yMount } from './d7y-mount.js';
import type { Fixtures } from './fixtures.js';
import type { NginxOrigin } from './origin.js';
import type { Scratch } from './scratch.js';

/** What all rows share. */
export interface Stage {
  readonly scratch: Scratch;
  readonly origin: NginxOrigin;
  readonly fixtures: Fixtures;
  readonly ours: D7yMount;
  /** The peer in its modes; empty if it is not installed. */
  readonly peers: readonly Contender[];
}
