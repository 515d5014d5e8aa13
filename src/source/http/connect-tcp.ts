/** TCP for sources that speak no HTTP: by the same names, and under the same policy. */
import { connect as connectSocket, isIP, type Socket } from 'node:net';

import { AddressRefusedError } from '../address-policy.js';
import { firstToConnect } from './first-to-connect.js';
import type { TcpTarget } from './http-engine.js';
import type { Addresses } from './name-resolver.js';
import { allowedAddresses, type PlanOptions } from './socket-plan.js';

export async function connectTcp(
  { url, port, address, onread }: TcpTarget,
  options: Omit<PlanOptions, 'ca'>,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const addresses =
    address === undefined
      ? await allowedAddresses(url, options.resolver, options.addressPolicy)
      : knownAddress(address, url, options.addressPolicy);
  return await firstToConnect(
    addresses,
    (one) => ({
      socket: connectSocket({
        host: one.address,
        family: one.family,
        port,
        noDelay: true,
        ...(onread && { onread }),
      }),
      readyEvent: 'connect',
    }),
    signal,
  );
}

function knownAddress(address: string, url: URL, policy: PlanOptions['addressPolicy']): Addresses {
  const rule = policy(address, url);
  if (rule !== undefined) throw new AddressRefusedError(url, address, rule);
  return [{ address, family: isIP(address) }];
}
