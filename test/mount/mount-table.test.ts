import test from 'ava';

import { parseMountInfo } from '../../src/mount/mount-table.js';

test('lines of mountinfo are read, escapes and optional fields included', (t) => {
  const text = [
    '36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue',
    '37 35 0:55 / /mnt/d7y ro,nosuid - fuse.d7y d7y-mount ro,user_id=0',
    'nonsense',
    '',
  ].join('\n');
  t.deepEqual(parseMountInfo(text), [
    {
      id: 36,
      parentId: 35,
      device: '98:0',
      mountpoint: '/mnt/a b',
      options: ['rw', 'noatime'],
      fsType: 'ext3',
      source: '/dev/root',
      userId: undefined,
    },
    {
      id: 37,
      parentId: 35,
      device: '0:55',
      mountpoint: '/mnt/d7y',
      options: ['ro', 'nosuid'],
      fsType: 'fuse.d7y',
      source: 'd7y-mount',
      userId: 0,
    },
  ]);
});
