import { createHash } from 'node:crypto';

import type { ListedEntry, OpenListing, ReadPlace } from '../../src/cache/resource-cache.js';
import { ChangedError } from '../../src/source/index.js';

/** A listing that is here, open. */
export function memoryListing(entries: readonly ListedEntry[], from?: ReadPlace): OpenListing {
  const digestBefore = (place: number): number => {
    const names = entries.slice(0, place).map(({ segment }) => segment);
    return createHash('sha1').update(names.join('/')).digest().readUInt32LE(0);
  };
  return {
    whenAt: (place) =>
      place > 0 && from !== undefined && from.place > 0 && digestBefore(from.place) !== from.digest
        ? Promise.reject(new ChangedError('mem://h', { expected: 'the same names' }))
        : undefined,
    segmentAt: (place) => entries[place]?.segment,
    isDirectoryAt: (place) => {
      const stat = entries[place]?.stat;
      return typeof stat === 'object' && stat.kind === 'directory';
    },
    readTo: (place) => ({ place, digest: digestBefore(place) }),
    close: () => undefined,
  };
}
