import { type Awaitable, chain } from '../awaitable.js';
import type {
  FileStat,
  OpenResource,
  ResourceCache,
  SavedVersion,
  Sink,
  Waiter,
} from '../cache/resource-cache.js';
import type { Caller } from './caller.js';
import { FsError } from './fs-error.js';
import type { MadeContent } from './made-files.js';
import { RecentTimeouts } from './recent-timeouts.js';

/** A file that is open, whatever it is made of. */
export interface OpenFile extends Omit<OpenResource, 'version' | 'saved' | 'read'> {
  readonly version: string;
  /** Undefined: of a file that the mount makes itself, which is another one in another process. */
  readonly saved: SavedVersion | undefined;
  read<Result>(offset: number, length: number, sink: Sink<Result>, caller: Caller): Promise<Result>;
}

export function openResourceFile(
  cache: ResourceCache,
  url: string,
  waiter: Waiter,
  known?: FileStat,
): Awaitable<OpenFile> {
  return chain(cache.open(url, waiter, known), openFileOf);
}

/** A file that another process has opened: opened again at its first use. */
export function reopenedFile(cache: ResourceCache, url: string, saved: SavedVersion | undefined): OpenFile {
  let opened: Promise<OpenFile> | undefined;
  const open = (): Promise<OpenFile> => {
    if (saved === undefined) throw new FsError('STALE', url, 'the mount made it anew');
    return (opened ??= cache.reopen(url, saved).then(openFileOf));
  };
  return {
    version: saved?.version.id ?? '',
    saved,
    localFd: undefined,
    size: saved?.size,
    whenSizeKnown: async (signal) => await (await open()).whenSizeKnown(signal),
    read: async (offset, length, sink, caller) => await (await open()).read(offset, length, sink, caller),
    head: () => new Uint8Array(),
    close: () => {
      opened?.then(
        (file) => file.close(),
        () => undefined,
      );
    },
  };
}

function openFileOf(resource: OpenResource): OpenFile {
  return new ResourceFile(resource);
}

/** A class: V8 gives each literal with a getter a hidden class of its own, which outlives it until the next major collection. */
class ResourceFile implements OpenFile {
  readonly version: string;
  readonly localFd: number | undefined;
  readonly #resource: OpenResource;
  readonly #timeouts = new RecentTimeouts();

  constructor(resource: OpenResource) {
    this.#resource = resource;
    this.version = resource.version.id;
    this.localFd = resource.localFd;
  }

  get saved(): SavedVersion {
    return this.#resource.saved;
  }

  get size(): number | undefined {
    return this.#resource.size;
  }

  whenSizeKnown(signal?: AbortSignal): Promise<number> {
    return this.#resource.whenSizeKnown(signal);
  }

  async read<Result>(offset: number, length: number, sink: Sink<Result>, caller: Caller): Promise<Result> {
    this.#timeouts.check(offset, length);
    try {
      return await this.#resource.read(offset, length, sink, caller);
    } catch (error) {
      this.#timeouts.add(error, offset, length);
      throw error;
    }
  }

  head(): Uint8Array {
    return this.#resource.head();
  }

  close(): void {
    this.#resource.close();
  }
}

/** A file that the mount makes itself, as it was when it was opened. */
export function openMadeFile({ bytes, version }: MadeContent): OpenFile {
  return {
    version,
    saved: undefined,
    size: bytes.byteLength,
    localFd: undefined,
    whenSizeKnown: () => Promise.resolve(bytes.byteLength),
    read: async (offset, length, sink) =>
      await Promise.resolve(sink([bytes.subarray(offset, offset + length)])),
    head: () => bytes,
    close: () => undefined,
  };
}
