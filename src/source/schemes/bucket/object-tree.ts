/** Files and directories of a store that has only keys. */
import { withUid, uidOf } from '../../caller-uid.js';
import { NotFoundError, SourceError } from '../../errors.js';
import { directoryMetadata } from '../../http/create-http-resource.js';
import type { Metadata } from '../../metadata.js';
import type { Request } from '../../request.js';

export interface ObjectTree {
  /** Of the object that has the URL's key. */
  object(request: Request): Promise<Metadata>;
  /** Whether there is a key below the URL's. */
  isDirectory(request: Request): Promise<boolean>;
}

/** By two requests at the same time, of which the one for the directory wins. */
export async function treeMetadata(request: Request, tree: ObjectTree): Promise<Metadata> {
  const { url } = request;
  if (!url.pathname.endsWith('/') && url.pathname !== '') return await objectOrDirectory(request, tree);
  if (await tree.isDirectory(request)) return directoryMetadata();
  throw new NotFoundError(url, { found: 'no key below it' });
}

async function objectOrDirectory(request: Request, tree: ObjectTree): Promise<Metadata> {
  const abandon = new AbortController();
  const { signal: given } = request;
  const signal =
    given === undefined ? abandon.signal : withUid(AbortSignal.any([given, abandon.signal]), uidOf(given));
  const object = tree.object(request.with({ signal }));
  // It may fail before the other request has ended.
  object.catch(() => undefined);
  const below = await tree.isDirectory(request).catch((error: unknown) => error);
  if (below === true) {
    abandon.abort();
    object.then(
      ({ response }) => response?.cancel(),
      () => undefined,
    );
    return directoryMetadata();
  }
  return await object.catch((error: unknown) => {
    // There may be keys below it, where that could not be found out: what is missing would end the path.
    throw isMissing(error) && below instanceof SourceError ? below : error;
  });
}

function isMissing(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'NOT_FOUND';
}
