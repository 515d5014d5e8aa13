import type { LiveConfiguration } from './live-configuration.js';
import type { GivenMount } from './options.js';

/** What is to be mounted where, and how. */
export interface MountRequest extends Pick<GivenMount, 'path' | 'source'> {
  readonly configuration: LiveConfiguration;
}
