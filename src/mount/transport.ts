import type { Continuation } from './continuation.js';
import type { MountActivity } from './mount-activity.js';
import type { VirtualFs } from './virtual-fs.js';

/** A way to talk to the kernel. The same conformance tests run on each. */
export interface Transport {
  readonly name: 'dev-fuse' | 'fuse-native';
  /** Mounts, and resolves once the kernel has the mount. The mountpoint exists and is free. */
  mount(vfs: VirtualFs, mountpoint: string, options: TransportOptions): Promise<MountSession>;
}

export interface TransportOptions {
  /** Of /dev/fuse, that another process has mounted: nothing is to be mounted, nor unmounted. For dev-fuse only. */
  readonly descriptor?: number | undefined;
  /** What the mount table shows as the source. */
  readonly source: string;
  /** Whether programs on the mount can be executed. */
  readonly exec: boolean;
  readonly allowOther: boolean;
  /** The kernel checks the permissions of files. Then it sends GETATTR for each directory on the way, and no ACCESS. */
  readonly checksPermissions: boolean;
  /** Let the kernel read complete local copies by itself, where it can. */
  readonly passthrough: boolean;
  /** After so long without an answer an operation ends with ETIMEDOUT, where the kernel cannot interrupt it. */
  readonly operationLimitMs: number;
  /** For dev-fuse only. */
  readonly continuation?: Continuation | undefined;
  /** Where the transport counts what it does. */
  readonly activity: MountActivity;
}

/**
 * How serving a mount has ended: it is unmounted, or was left as another's; its connection was aborted, and it is removed; or
 * another process goes on with it.
 */
export type MountEnd = 'unmounted' | 'aborted' | 'handed over';

/** A mount that is served. */
export interface MountSession {
  /** Resolves when this process serves the mount no more, for whatever reason. */
  readonly ended: Promise<MountEnd>;
  /**
   * Ends serving it, and leaves the mount, and what is not answered after `limitMs`, to the next process. Undefined: no other
   * process can go on with it.
   */
  readonly handOver?: ((limitMs: number) => void) | undefined;
  /** Ends the mount; lazily when it is busy. */
  unmount(): Promise<void>;
  /** Detaches the mount, and does not wait for its users: for a process that is about to exit. */
  detach(): Promise<void>;
}
