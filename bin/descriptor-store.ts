/** The descriptors of a mount in the store of systemd, which passes them to the next process of the service. */
import process from 'node:process';

import { loadSyscalls } from '../src/native/posix.js';
import type { Keeper, MountDescriptors } from './keeper.js';
import type { ServiceNotifier } from './service-notifier.js';

/** sd_listen_fds(3): the first that is passed. */
const FIRST = 3;
const NAMES = { device: 'd7y-device', journals: ['d7y-journal-0', 'd7y-journal-1'] } as const;

type Environment = Record<string, string | undefined>;

/** Undefined: this process is no service that notifies. */
export async function descriptorStore(
  notifier: ServiceNotifier,
  environment: Environment = process.env,
): Promise<Keeper | undefined> {
  const passed = await passedDescriptors(environment);
  if (!notifier.hasManager) return undefined;
  return {
    name: 'systemd',
    kept: passed,
    keep: ({ device, journal }) => {
      // Of an earlier mount.
      if (passed !== undefined) removeAll(notifier);
      notifier.store(NAMES.device, device);
      for (const [i, name] of NAMES.journals.entries()) notifier.store(name, journal[i] ?? -1);
    },
    release: () => removeAll(notifier),
    serving: () => undefined,
    ended: () => removeAll(notifier),
    handingOver: () => undefined,
  };
}

function removeAll(notifier: ServiceNotifier): void {
  for (const name of [NAMES.device, ...NAMES.journals]) notifier.unstore(name);
}

/** Takes the variables out of the environment: they are not for the programs that this one starts. */
async function passedDescriptors(environment: Environment): Promise<MountDescriptors | undefined> {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names = '' } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name];
  if (count === undefined || Number(pid) !== process.pid) return undefined;
  const fds = new Map(names.split(':').map((name, i) => [name, FIRST + i]));
  const syscalls = await loadSyscalls();
  for (const fd of fds.values()) syscalls.closeOnExec(fd);
  const [device, first, second] = [NAMES.device, ...NAMES.journals].map((name) => fds.get(name));
  if (device === undefined || first === undefined || second === undefined) return undefined;
  return { device, journal: [first, second] };
}
