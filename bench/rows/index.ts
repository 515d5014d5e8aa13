import type { Row } from '../row.js';
import { bucketRows } from './bucket.js';
import { first } from './first.js';
import { latency } from './latency.js';
import { listing } from './listing.js';
import { many } from './many.js';
import { random } from './random.js';
import { remountDropped, remountWarm } from './remount.js';
import { sequential, sequentialMemory } from './sequential.js';
import { small } from './small.js';
import { sqlite } from './sqlite.js';
import { start } from './start.js';

/** In the order of the table. */
export const ROWS: readonly Row[] = [
  start,
  sequential,
  sequentialMemory,
  remountDropped,
  remountWarm,
  random,
  first,
  small,
  latency,
  sqlite,
  many,
  listing,
  ...bucketRows,
];
