import { existsSync } from 'node:fs';
import process from 'node:process';

import { isRoot, testWhere } from '../support/conditional-test.js';

/** What `build.sh` has built. */
export const SCHEDULER = process.env['D7Y_MOUNT_SCHEDULER'] ?? '';
export const DFDAEMON = process.env['D7Y_MOUNT_DFDAEMON'] ?? '';

const areThere = existsSync(SCHEDULER) && existsSync(DFDAEMON);

const needed = 'D7Y_MOUNT_SCHEDULER and D7Y_MOUNT_DFDAEMON, see test/cluster/README.md';

export const withCluster = testWhere(areThere, needed);
export const withClusterAsRoot = testWhere(areThere && isRoot, `root, ${needed}`);
