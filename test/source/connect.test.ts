import { type OnReadOpts, Socket } from 'node:net';

import test from 'ava';

import { addressPolicy } from '../../src/source/address-policy.js';
import { createConnect } from '../../src/source/http/connect.js';
import { NameResolver } from '../../src/source/http/name-resolver.js';

const ONREAD: OnReadOpts = { buffer: new Uint8Array(1), callback: () => true };

test.serial('an address has a quarter of the time to connect, and no less than 250 ms', (t) => {
  const given: unknown[] = [];
  const original = Object.getOwnPropertyDescriptor(Socket.prototype, 'connect') ?? {};
  t.teardown(() => Object.defineProperty(Socket.prototype, 'connect', original));
  Object.defineProperty(Socket.prototype, 'connect', {
    ...original,
    value(this: Socket, [options]: [{ autoSelectFamilyAttemptTimeout?: number }]): Socket {
      given.push(options.autoSelectFamilyAttemptTimeout);
      return this;
    },
  });
  const resolver = new NameResolver();
  t.teardown(() => resolver.close());
  const policy = addressPolicy({ isShared: false, allowed: [] });
  for (const connectTimeoutMs of [10_000, 333.3, 1_333.3]) {
    const begin = createConnect({ ca: undefined, resolver, addressPolicy: policy, connectTimeoutMs });
    begin(new URL('http://host.test/'), ONREAD).destroy();
  }
  t.deepEqual(given, [2_500, 250, 333]);
});
