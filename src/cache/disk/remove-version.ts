import { filesBeside } from './shard.js';
import type { StoreContext } from './store-context.js';

/** Removes all segments of a version; runs in the lane of changes. Never rejects. */
export async function removeVersion(context: StoreContext, versionName: string): Promise<void> {
  const names = new Set<string>();
  try {
    for (const file of await filesBeside(context.root, versionName)) {
      if (file.versionName === versionName) names.add(file.name);
    }
  } catch (error) {
    context.trouble.note('cannot list the directory', error);
  }
  for (const name of names) await context.writer?.catalog.remove(name);
}
