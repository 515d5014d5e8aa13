import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { parseMountInfo } from '../src/mount/mount-table.js';
import type { Programs } from './programs.js';
import type { Teardown } from './teardown.js';

export interface ScratchDirectory {
  readonly path: string;
  /** Refuses while something is still mounted below: that is not ours to remove. */
  readonly remove: () => Promise<void>;
}

/** Where temporary files go, and what has to be undone. */
export class Scratch {
  readonly root: string;
  readonly programs: Programs;
  readonly teardown: Teardown;

  private constructor(root: string, programs: Programs, teardown: Teardown) {
    this.root = root;
    this.programs = programs;
    this.teardown = teardown;
  }

  static async make(parent: string, programs: Programs, teardown: Teardown): Promise<Scratch> {
    const root = await mkdtemp(join(parent, 'd7y-bench-'));
    teardown.add(root, () => removeUnmounted(root));
    return new Scratch(root, programs, teardown);
  }

  async directory(name: string): Promise<ScratchDirectory> {
    const path = await mkdtemp(join(this.root, `${name}-`));
    return { path, remove: () => removeUnmounted(path) };
  }
}

async function removeUnmounted(path: string): Promise<void> {
  const mounts = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
  const mount = mounts.find(({ mountpoint }) => mountpoint.startsWith(`${path}/`));
  if (mount !== undefined) throw new Error(`${mount.mountpoint} is still mounted; ${path} is left behind`);
  await rm(path, { recursive: true, force: true });
}
