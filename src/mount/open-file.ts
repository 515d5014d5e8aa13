import type { FileStat, OpenResource, ResourceCache, Sink } from '../cache/resource-cache.js';
import type { Caller } from './caller.js';
import type { MadeContent } from './made-files.js';
import { RecentTimeouts } from './recent-timeouts.js';

/** A file that is open, whatever it is made of. */
export interface OpenFile extends Omit<OpenResource, 'version' | 'read'> {
  readonly version: string;
  read<Result>(offset: number, length: number, sink: Sink<Result>, caller: Caller): Promise<Result>;
}

export async function openResourceFile(
  cache: ResourceCache,
  url: string,
  signal: AbortSignal | undefined,
  known?: FileStat,
): Promise<OpenFile> {
  const resource = await cache.open(url, signal, known);
  const timeouts = new RecentTimeouts();
  return {
    version: resource.version.id,
    localFd: resource.localFd,
    get size() {
      return resource.size;
    },
    whenSizeKnown: (waiter) => resource.whenSizeKnown(waiter),
    read: async (offset, length, sink, caller) => {
      timeouts.check(offset, length);
      try {
        return await resource.read(offset, length, sink, caller);
      } catch (error) {
        timeouts.add(error, offset, length);
        throw error;
      }
    },
    head: () => resource.head(),
    close: () => resource.close(),
  };
}

/** A file that the mount makes itself, as it was when it was opened. */
export function openMadeFile({ bytes, version }: MadeContent): OpenFile {
  return {
    version,
    size: bytes.byteLength,
    localFd: undefined,
    whenSizeKnown: () => Promise.resolve(bytes.byteLength),
    read: async (offset, length, sink) =>
      await Promise.resolve(sink([bytes.subarray(offset, offset + length)])),
    head: () => bytes,
    close: () => undefined,
  };
}
