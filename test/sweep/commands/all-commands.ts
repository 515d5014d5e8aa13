import type { SweepCommand } from '../sweep-command.js';
import { PROGRAMS } from './programs.js';
import { PYTHON } from './python.js';
import { READING } from './reading.js';
import { RUNTIMES } from './runtimes.js';
import { SYSTEM } from './system.js';
import { WRITING } from './writing.js';

export const ALL_COMMANDS: readonly SweepCommand[] = [
  ...READING,
  ...WRITING,
  ...PROGRAMS,
  ...PYTHON,
  ...RUNTIMES,
  ...SYSTEM,
];
