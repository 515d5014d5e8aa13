#!/usr/bin/env node
import process from 'node:process';

import { fromMountHelper, isMountHelper } from './mount-helper.js';
import { shownArguments } from './shown-arguments.js';
import { version } from './version.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  const found = `${process.execPath} is ${process.version}`;
  process.stderr.write(`d7y-mount: Node.js 20.19 or newer is needed, and ${found}\n`);
  process.exit(1);
}
const [, program = '', ...given] = process.argv;
// Overwrites the arguments that others see, before anything else is loaded.
process.title = ['d7y-mount', ...shownArguments(given)].join(' ');

const argv = isMountHelper(program) ? fromMountHelper(given) : given;
if (argv === undefined) process.exit(0);
if (argv.length === 1 && argv[0] === '--version') {
  process.stdout.write(`${version()}\n`);
  process.exit(0);
}
const { runCli } = await import('./cli.js');
process.exit(await runCli(argv));
