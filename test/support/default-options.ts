import { Command } from 'commander';

import { addMountOptions, type MountOptions } from '../../bin/options.js';

/** Of a command line without options. */
export const DEFAULT_MOUNT_OPTIONS: MountOptions = addMountOptions(new Command())
  .parse([], { from: 'user' })
  .opts();
