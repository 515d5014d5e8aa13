import type { Continuation } from '../../src/mount/continuation.js';
import type { LiveConfiguration } from './live-configuration.js';
import type { GivenMount } from './options.js';

/** What is to be mounted where, and how. */
export interface MountRequest extends Pick<GivenMount, 'path' | 'source'> {
  /** Of a connection that is mounted already. */
  readonly descriptor?: number | undefined;
  readonly continuation?: Continuation | undefined;
  readonly configuration: LiveConfiguration;
}
