import { NotFoundError, SourceError } from '../../errors.js';

/** A repository of a hub, at a revision. */
export interface HubRepository {
  /** `models`, `datasets`, `spaces` … */
  readonly type: string;
  /** `owner/name`. */
  readonly id: string;
  /** A branch, a tag or a commit; undefined: the default one. */
  readonly revision: string | undefined;
}

/** What a URL of a hub names. Paths are decoded, without slashes at their ends; '' is the root of the repository. */
export type HubPlace =
  | { readonly kind: 'type'; readonly type: string }
  | { readonly kind: 'owner'; readonly type: string; readonly owner: string }
  | { readonly kind: 'file-or-directory'; readonly repository: HubRepository; readonly path: string };

/** Names of revisions with slashes that may stand in a URL as they are, as in the file system of huggingface_hub. */
const SPECIAL_REVISION = /^refs\/(?:pr|convert)$/;

/**
 * `hf://[models|datasets|spaces/]owner/name[@revision]/path` (Dragonfly's client/backend/hugging_face.rs, with the revision
 * in the name besides). The first of the types is that of a URL which names none.
 */
export function parseHubUrl(url: URL, types: readonly string[]): HubPlace {
  const segments = [url.host, ...url.pathname.split('/')].filter((segment) => segment !== '');
  const names = segments.map((segment) => decoded(segment, url));
  const type = types.find((known) => known === names[0]) ?? types[0] ?? '';
  const [owner, name, ...rest] = names[0] === type ? names.slice(1) : names;
  if (owner === undefined) return { kind: 'type', type };
  const at = name?.indexOf('@') ?? -1;
  const base = at === -1 ? name : name?.slice(0, at);
  const { revision, path } = splitRevision(at === -1 ? undefined : name?.slice(at + 1), rest);
  // As paths of the API they would lead elsewhere. Only a revision may have a `/`.
  const isSafe = [owner, base ?? '-', ...path].every((text) => isSegment(text) && !text.includes('/'));
  if (!isSafe || !isSegment(revision ?? '-'))
    throw new NotFoundError(url, { expected: 'owner/name@revision/path' });
  if (base === undefined) return { kind: 'owner', type, owner };
  const repository = { type, id: `${owner}/${base}`, revision };
  return { kind: 'file-or-directory', repository, path: path.join('/') };
}

function isSegment(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..';
}

function splitRevision(
  revision: string | undefined,
  path: readonly string[],
): { readonly revision: string | undefined; readonly path: readonly string[] } {
  const [kind, name, ...rest] = path;
  const isSpecial = revision === 'refs' && name !== undefined && SPECIAL_REVISION.test(`refs/${kind}`);
  return isSpecial ? { revision: `refs/${kind}/${name}`, path: rest } : { revision, path };
}

function decoded(segment: string, url: URL): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new SourceError('INVALID_REQUEST', 'a name is not UTF-8', url, { cause });
  }
}

/** Each segment encoded, the slashes kept. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
