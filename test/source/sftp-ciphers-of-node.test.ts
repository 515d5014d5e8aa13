import { Module } from 'node:module';

import test from 'ava';

/** How ssh2 works where its binding could not be built: Node decrypts, into memory of its own. */
let refused = 0;
Object.assign(Module, {
  _extensions: {
    ...(Module as unknown as { _extensions: object })._extensions,
    '.node': () => {
      refused += 1;
      throw new Error('no binding');
    },
  },
});
(await import('../support/sftp-ciphers.js')).testCiphers('by Node');

test('ssh2 has no binding here', (t) => {
  t.true(refused > 0);
});
