/** What a URL of a registry names, by its text alone. */

/** A tag or digest of a repository, and a path in what it stands for. */
export interface Reference {
  readonly repository: string;
  /** A tag, or a digest. */
  readonly reference: string;
  /** '' is the root. */
  readonly path: string;
}

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

export function isRepositoryName(text: string): boolean {
  return text.length <= 255 && REPOSITORY.test(text);
}

/**
 * `repository:tag/path` or `repository@digest/path`, as docker and Dragonfly have it, and `repository/digest/path`: the first
 * segment with a `:` or `@` ends the repository. Undefined: there is none.
 */
export function writtenReference(segments: readonly string[]): Reference | undefined {
  const index = segments.findIndex((segment) => /[:@]/.test(segment));
  const segment = segments[index];
  if (segment === undefined) return undefined;
  const isWhole = isDigest(segment);
  const [, name = '', tag, digest] = isWhole
    ? [segment, '', undefined, segment]
    : (/^([^:@]*)(?::([^:@]*))?(?:@(.*))?$/.exec(segment) ?? []);
  const repository = [...segments.slice(0, index), name].filter((part) => part !== '').join('/');
  const reference = digest ?? tag ?? '';
  const isValid = isDigest(reference) || (digest === undefined && TAG.test(reference));
  if (!isValid || !isRepositoryName(repository)) return undefined;
  return { repository, reference, path: segments.slice(index + 1).join('/') };
}

/** `repository/tag/path`: each place where the repository may end, the shortest first. */
export function possibleReferences(segments: readonly string[]): Reference[] {
  const references = segments.slice(1).map((reference, before) => ({
    repository: segments.slice(0, before + 1).join('/'),
    reference,
    path: segments.slice(before + 2).join('/'),
  }));
  return references.filter(
    ({ repository, reference }) => isRepositoryName(repository) && TAG.test(reference),
  );
}
