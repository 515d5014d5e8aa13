/** Who keeps the descriptors of a mount while no process serves it. */

/** What a process needs to go on with a mount. */
export interface MountDescriptors {
  /** Of /dev/fuse. */
  readonly device: number;
  /** Of the two files of the journal. */
  readonly journal: readonly [number, number];
}

export interface Keeper {
  readonly name: 'systemd' | 'supervisor';
  /** Those of a mount that an earlier process has served. */
  readonly kept: MountDescriptors | undefined;
  /** Of a new mount. */
  keep(descriptors: MountDescriptors): void;
  /** The journal is lost: when this process ends, the mount ends. */
  release(): void;
  /** The mount is served. */
  serving(): void;
  /** No process is to go on: the mount has ended. */
  ended(): void;
  /** This process ends, and another one is to go on. */
  handingOver(): void;
}
