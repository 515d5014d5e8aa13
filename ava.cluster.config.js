import config from './ava.config.js';

/** For `npm run test:cluster`. Its tests take the machine for themselves, one after the other. */
export default {
  ...config,
  environmentVariables: {
    ...config.environmentVariables,
    D7Y_MOUNT_DFDAEMON: process.env.D7Y_MOUNT_DFDAEMON ?? '',
    D7Y_MOUNT_SCHEDULER: process.env.D7Y_MOUNT_SCHEDULER ?? '',
  },
  files: ['dist/test/cluster/**/*.test.js'],
  serial: true,
  timeout: '10m',
};
