import config from './ava.config.js';

/** For `npm run test:servers`, which says where the tools are. */
export default {
  ...config,
  environmentVariables: {
    ...config.environmentVariables,
    D7Y_TEST_TOOLS: process.env.D7Y_TEST_TOOLS ?? '',
  },
  files: ['dist/test/servers/**/*.test.js', 'dist/test/oracles/**/*.test.js'],
};
