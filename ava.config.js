import process from 'node:process';

import { createTestEnvironment } from './dist/test/support/test-environment.js';

const environment = createTestEnvironment();

process.once('exit', () => {
  const leftovers = environment.end();
  if (leftovers.length === 0) return;
  console.error(`The tests left something behind:\n  ${leftovers.join('\n  ')}`);
  process.exitCode = 1;
});

export default {
  concurrency: 2,
  environmentVariables: environment.variables,
  files: [
    'dist/test/**/*.test.js',
    '!dist/test/servers/**',
    '!dist/test/oracles/**',
    '!dist/test/cluster/**',
  ],
  timeout: '120s',
  workerThreads: false,
};
