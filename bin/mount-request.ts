import type { MountOptions } from './options.js';

/** What is to be mounted where. */
export interface MountRequest {
  readonly path: string;
  /** What the mount table shows as the source. */
  readonly source: string;
  readonly options: MountOptions;
}
