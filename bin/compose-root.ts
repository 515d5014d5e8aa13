/** `--root`, for a mount that is being started. */
import type { Logger } from 'pino';

import { messageOf } from '../src/error-code.js';
import { errnoName } from '../src/mount/errno.js';
import { FsError } from '../src/mount/fs-error.js';
import { type MountRoot, mountRoot, MountRootError } from '../src/mount/mount-root.js';
import type { RootOption } from '../src/mount/root-option.js';
import type { VirtualFs } from '../src/mount/virtual-fs.js';
import type { SourceCapabilities } from '../src/source/index.js';
import type { ClientRegistry } from '../src/source/registry.js';
import { splitUrl } from '../src/mount/split-url.js';

/** A source that does not respond keeps no mount from being made. */
const CHECK_LIMIT_MS = 5_000;

export async function composeRoot(
  options: readonly RootOption[],
  registry: ClientRegistry,
): Promise<MountRoot | undefined> {
  for (const option of options) {
    const scheme = splitUrl(option.url)?.scheme;
    // It looks for plugins, too.
    if (scheme !== undefined && !(await registry.isServed(scheme))) {
      throw new MountRootError(option, `no source serves ${scheme}`);
    }
  }
  return mountRoot(options, (scheme) => registry.capabilitiesOf(scheme));
}

/**
 * Rejects for a root that is a file, or that its source says is missing or denied. A source that cannot be reached says nothing:
 * it may be down when the machine starts. A URL that ends with `/` is not queried.
 */
export async function checkRoots(
  vfs: VirtualFs,
  options: readonly RootOption[],
  registry: ClientRegistry,
  log: Logger,
): Promise<void> {
  const signal = AbortSignal.timeout(CHECK_LIMIT_MS);
  const check = async (option: RootOption): Promise<void> => {
    try {
      if (!option.url.endsWith('/')) await vfs.checkRoot(option.name, signal);
    } catch (error) {
      if (error instanceof FsError && error.code === 'NOT_DIRECTORY') {
        throw new MountRootError(option, 'is a file, and a root is a directory', error);
      }
      if (isFinal(error, registry.capabilitiesOf(splitUrl(option.url)?.scheme ?? ''))) {
        throw new MountRootError(
          option,
          `${messageOf(error)}; a URL with / at its end is not queried`,
          error,
        );
      }
      log.warn(
        { root: option.url, err: error },
        'the root cannot be queried now; it may be missing, or a file',
      );
    }
  };
  await Promise.all(options.map(check));
}

/** A directory of a web server that cannot be listed may have files that can be read. */
function isFinal(error: unknown, { isHierarchical }: SourceCapabilities): boolean {
  const errno = errnoName(error, 'attributes');
  return errno === 'ENOENT' || (errno === 'EACCES' && isHierarchical);
}
