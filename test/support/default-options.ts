import { configurationOf, type Configuration } from '../../bin/config/configuration.js';
import { DEFAULT_OPTIONS } from '../../bin/config/option-table.js';
import type { MountOptions } from '../../bin/config/options.js';

/** Of a command line without options. */
export const DEFAULT_MOUNT_OPTIONS: MountOptions = DEFAULT_OPTIONS;

export const DEFAULT_CONFIGURATION: Configuration = configurationOf(DEFAULT_OPTIONS);
