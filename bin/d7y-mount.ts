#!/usr/bin/env node
import process from 'node:process';

import { shownArguments } from './shown-arguments.js';

const argv = process.argv.slice(2);
// Overwrites the arguments that others see, before anything else is loaded.
process.title = ['d7y-mount', ...shownArguments(argv)].join(' ');

const { runCli } = await import('./cli.js');
process.exit(await runCli(argv));
