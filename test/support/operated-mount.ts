import { ControlError } from '../../src/control/control-error.js';
import type { OperatedMount } from '../../src/control/operated-mount.js';
import { AccessLog } from '../../src/mount/access-log.js';
import { mountReport } from './mount-report.js';

/** A mount that does nothing, and is well. */
export function operatedMount(changes: Partial<OperatedMount> = {}): OperatedMount {
  return {
    isLive: () => true,
    isReady: () => Promise.resolve(true),
    report: () => mountReport(),
    configuration: () => ({ options: {} }),
    followAccess: () => new AccessLog().follow(),
    reload: () => Promise.resolve({ changed: ['metadataTtl'], needsRemount: ['memory'] }),
    restart: () => Promise.resolve({ pid: 1, version: '1.2.3' }),
    setLogLevel: () => undefined,
    evict: () => Promise.resolve({ memory: { files: 1, bytes: 2 }, disk: undefined }),
    forget: (urls) => Promise.resolve(urls.length),
    warm: () => Promise.reject(new ControlError('REFUSED', 'not here')),
    pin: (urls, isRecursive) =>
      Promise.resolve(urls.map((url) => ({ url, isRecursive, files: 1, bytes: 2 }))),
    unpin: () => Promise.resolve([]),
    pins: () => Promise.resolve([{ url: 'https://h/a', isRecursive: true }]),
    stopWarming: () => {
      throw new ControlError('NO_SUCH_JOB', 'not here');
    },
    ...changes,
  };
}
