import { randomBytes } from 'node:crypto';
import { link, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { codeOf } from '../../error-code.js';
import { openOwn, readBytes, syncDirectory, whileOpen } from './file-io.js';
import { CREDENTIAL_KEY_NAME } from './layout.js';

const KEY_BYTES = 32;

const UNFINISHED = new RegExp(`^${CREDENTIAL_KEY_NAME}\\.[0-9a-f]{16}$`);
/** Some file systems have no hard links. There, of two keys that are made at the same moment one is lost. */
const LINK_IS_UNSUPPORTED = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * The random key of a store, with which credentials are hashed: made by the process that needs it first, the same for all.
 * A name that is made with it lets only a process with the key try passwords.
 */
export async function loadCredentialKey(root: string, linkFile: typeof link = link): Promise<Buffer> {
  const path = join(root, CREDENTIAL_KEY_NAME);
  const readKey = (): Promise<Buffer | undefined> =>
    whileOpen(openOwn(path), (fd) => readBytes(fd, 0, KEY_BYTES + 1));
  let key = await readKey();
  if (key?.length !== KEY_BYTES) {
    // What a power loss has left of one hides nothing that could still be read.
    if (key !== undefined) await unlink(path);
    await makeKey(root, path, linkFile);
    key = await readKey();
  }
  if (key?.length !== KEY_BYTES) throw new Error(`${path} is not a key of ${KEY_BYTES} bytes`);
  await removeUnfinished(root);
  return key;
}

/** Whole, or not at all; another process may be first. */
async function makeKey(root: string, path: string, linkFile: typeof link): Promise<void> {
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(fresh, randomBytes(KEY_BYTES), { flag: 'wx', mode: 0o600, flush: true });
    await linkFile(fresh, path).catch(async (error: unknown) => {
      if (!LINK_IS_UNSUPPORTED.has(codeOf(error))) throw error;
      await rename(fresh, path);
    });
  } catch (error) {
    // The process that was first has made the key, and may have removed `fresh`.
    if (!['EEXIST', 'ENOENT'].includes(codeOf(error))) throw error;
  } finally {
    await rm(fresh, { force: true });
  }
  await syncDirectory(root);
}

/** What processes left that ended while they made a key. */
async function removeUnfinished(root: string): Promise<void> {
  for (const name of await readdir(root))
    if (UNFINISHED.test(name)) await rm(join(root, name), { force: true });
}
