import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';
import { pino } from 'pino';

import { LiveConfiguration } from '../../bin/config/live-configuration.js';
import { DEFAULT_CONFIGURATION } from '../support/default-options.js';
import { startMount } from '../../bin/start-mount.js';
import { temporaryDirectory } from '../support/temp.js';

test('a start that fails when its mount stands ends the mount, and removes the directory that it made', async (t) => {
  const directory = await temporaryDirectory(t);
  let [unmounts, releases] = [0, 0];
  const lock = {
    release: () => {
      releases += 1;
      if (releases === 1) throw new Error('cannot be released');
    },
  };
  const session = {
    ended: Promise.resolve('unmounted' as const),
    unmount: async () => {
      unmounts += 1;
    },
    detach: async () => {},
  };
  const request = {
    path: join(directory, 'mnt'),
    source: 'd7y-mount',
    configuration: new LiveConfiguration(DEFAULT_CONFIGURATION),
  };
  const started = startMount(request, lock, pino({ level: 'silent' }), async () => session);
  await t.throwsAsync(started, { message: 'cannot be released' });
  t.is(unmounts, 1);
  t.deepEqual(await readdir(directory), []);
});
