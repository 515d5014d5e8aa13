import type { CheckedBlock, StoredVersion, WritePath } from './disk-cache.js';
import type { LocalCopy } from './local-copy.js';
import type { OpenVersion } from './open-version.js';

/** One opening of a version, with what was handed out to it. */
export class VersionHandle implements StoredVersion {
  readonly #version: OpenVersion;
  #held: { readonly local: LocalCopy; readonly fd: number } | undefined;
  #isClosed = false;

  /** The version is retained for it. */
  constructor(version: OpenVersion) {
    this.#version = version;
    version.handles += 1;
  }

  has(index: number): boolean {
    return !this.#isClosed && this.#version.has(index);
  }

  get storedBytes(): number {
    return this.#isClosed ? 0 : this.#version.storedBytes;
  }

  async read(first: number, targets: readonly Uint8Array[]): Promise<readonly boolean[]> {
    if (this.#isClosed) return targets.map(() => false);
    return await this.#version.read(first, targets);
  }

  async write(blocks: readonly CheckedBlock[], path: WritePath = 'cached'): Promise<boolean> {
    return !this.#isClosed && (await this.#version.write(blocks, path));
  }

  localFd(): number | undefined {
    const { local } = this.#version;
    if (this.#isClosed || local === undefined) return undefined;
    if (this.#held !== undefined) {
      return this.#held.local === local && local.isProven() ? this.#held.fd : undefined;
    }
    const fd = local.hold();
    if (fd !== undefined) this.#held = { local, fd };
    return fd;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#held?.local.giveBack();
    this.#version.handles -= 1;
    this.#version.release();
  }
}
