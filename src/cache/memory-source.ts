/** Where the memory for blocks comes from. */
export interface MemorySource {
  /** Brings `bytes` bytes into being; what is not touched of them costs nothing yet. */
  allocate(bytes: number): Buffer;
  /**
   * The memory is about to be used: it may be made ready, behind what is going on. Its content stays as it is,
   * whoever writes to it meanwhile.
   */
  prepare(memory: Uint8Array): void;
}

/** Memory as Node gives it, a page at a time, when it is touched. */
export const PLAIN_MEMORY: MemorySource = {
  allocate: (bytes) => Buffer.allocUnsafeSlow(bytes),
  prepare: () => undefined,
};
