#!/usr/bin/env node
import process from 'node:process';

import { runCli } from './cli.js';

process.exit(await runCli(process.argv.slice(2)));
