import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { close, codeOf, fsync, openOwn, readAt, writeAt } from './file-io.js';
import { CREDENTIAL_KEY_NAME } from './layout.js';

const KEY_BYTES = 32;

/**
 * The random key of a store, with which credentials are hashed: made by whoever needs it first, the same for all
 * processes. A name that is made with it does not let anybody try passwords who has not got the key as well.
 */
export async function loadCredentialKey(root: string): Promise<Buffer> {
  const path = join(root, CREDENTIAL_KEY_NAME);
  const found = await readKey(path);
  if (found?.length === KEY_BYTES) return found;
  // What a power loss has left of one hides nothing that could still be read.
  if (found !== undefined) await unlink(path);
  await makeKey(path);
  const made = await readKey(path);
  if (made?.length !== KEY_BYTES) throw new Error(`${path} is not a key of ${KEY_BYTES} bytes`);
  return made;
}

async function readKey(path: string): Promise<Buffer | undefined> {
  try {
    const fd = await openOwn(path, constants.O_RDONLY);
    try {
      const bytes = Buffer.alloc(KEY_BYTES + 1);
      return bytes.subarray(0, await readAt(fd, [bytes], 0));
    } finally {
      await close(fd);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole, or not at all; somebody else may be first. */
async function makeKey(path: string): Promise<void> {
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  const fd = await openOwn(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await writeAt(fd, [randomBytes(KEY_BYTES)], 0);
    await fsync(fd);
    await link(fresh, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await close(fd);
    await unlink(fresh);
  }
}
