import { NotFoundError, SourceError } from '../../errors.js';
import type { HttpCaller } from '../../http/http-engine.js';
import type { Artifact, Blob } from './artifact.js';
import { type Reference, possibleReferences, writtenReference } from './oras-name.js';
import type { RegistryApi } from './registry-api.js';

/** What a URL stands for. */
export type Place =
  /** The registry ('') or a repository, or a part of names of repositories. */
  | { readonly kind: 'repositories'; readonly name: string }
  | { readonly kind: 'directory'; readonly artifact: Artifact; readonly path: string }
  | { readonly kind: 'blob'; readonly repository: string; readonly artifact: Artifact; readonly blob: Blob }
  | { readonly kind: 'manifest'; readonly artifact: Artifact };

/** Not listed, so that a copy of a directory has what was pushed. */
export const MANIFEST_NAME = '.manifest.json';
export const CONFIG_NAME = '.config.json';

/** An index may name other ones. */
const MAX_DEPTH = 4;

/** Rejects with NOT_FOUND for what is missing. */
export async function locate(
  registry: RegistryApi,
  segments: readonly string[],
  caller: HttpCaller,
): Promise<Place> {
  const { url } = caller;
  const reference = await referenceOf(registry, segments, caller);
  if (reference !== undefined) return await placeOf(registry, reference, caller);
  if (segments.some((segment) => /[:@]/.test(segment))) {
    throw new NotFoundError(url, { expected: 'repository:tag, repository@digest or repository/tag' });
  }
  const name = segments.join('/');
  const parent = segments.slice(0, -1).join('/');
  // Below a repository are its tags, and other repositories. What is above one cannot be found out.
  const isBelow = parent !== '' && (await registry.isRepository(parent, caller));
  if (isBelow && !(await registry.isRepository(name, caller))) throw new NotFoundError(url);
  return { kind: 'repositories', name };
}

/** The reference that a URL is written with, or the first one that there is. */
export async function referenceOf(
  registry: RegistryApi,
  segments: readonly string[],
  caller: HttpCaller,
): Promise<Reference | undefined> {
  const written = writtenReference(segments);
  const possible = possibleReferences(segments);
  const known = possible.find(({ repository, reference }) => registry.wasFound(repository, reference));
  // The title of a listed file may look like a tag, but a written tag is one otherwise.
  if (written !== undefined) return known && (await isThere(registry, known, caller)) ? known : written;
  if (known !== undefined) return known;
  for (const candidate of possible) {
    try {
      await registry.artifact(candidate.repository, candidate.reference, caller);
      return candidate;
    } catch (error) {
      if (!(error instanceof SourceError && ['NOT_FOUND', 'ACCESS_DENIED'].includes(error.code))) throw error;
    }
  }
  return undefined;
}

async function isThere(registry: RegistryApi, reference: Reference, caller: HttpCaller): Promise<boolean> {
  try {
    await placeOf(registry, reference, caller);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

async function placeOf(
  registry: RegistryApi,
  { repository, reference, path: given }: Reference,
  caller: HttpCaller,
): Promise<Place> {
  let [artifact, path] = [await registry.artifact(repository, reference, caller), given];
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const [platform = '', ...rest] = path.split('/');
    const digest = artifact.platforms.get(platform);
    if (digest === undefined) break;
    artifact = await registry.artifact(repository, digest, caller);
    path = rest.join('/');
  }
  if (artifact.directories.has(path)) return { kind: 'directory', artifact, path };
  const slash = path.lastIndexOf('/');
  const blob = artifact.directories.get(slash === -1 ? '' : path.slice(0, slash))?.get(path.slice(slash + 1));
  if (blob !== undefined) return { kind: 'blob', repository, artifact, blob };
  if (path === MANIFEST_NAME) return { kind: 'manifest', artifact };
  if (path === CONFIG_NAME && artifact.config !== undefined)
    return { kind: 'blob', repository, artifact, blob: artifact.config };
  throw new NotFoundError(caller.url);
}
