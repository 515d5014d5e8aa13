import { createHash } from 'node:crypto';

export type RepositoryType = 'models' | 'datasets' | 'spaces';

export interface HubFile {
  readonly bytes: Buffer;
  /** Git's name of the content; of a file in LFS, of its pointer. */
  readonly oid: string;
  /** Present: the file is in LFS, and its bytes come from the CDN. */
  readonly sha256: string | undefined;
}

export interface Commit {
  readonly sha: string;
  readonly date: Date;
  /** By path. */
  readonly files: ReadonlyMap<string, HubFile>;
}

export interface Repository {
  readonly type: RepositoryType;
  /** `owner/name`, in its own case. */
  readonly id: string;
  /** Who may read: all; who has a token; who has a token of an account that accepted the terms. */
  access: 'public' | 'private' | 'gated';
  readonly commits: Map<string, Commit>;
  /** Commits by the names of branches and of `refs/pr/1`. */
  readonly revisions: Map<string, Commit>;
}

export interface TreeEntry {
  readonly path: string;
  readonly file: HubFile | undefined;
}

/** Larger files are in LFS, as on the hubs where `.gitattributes` does not say. */
const LFS_FROM_BYTES = 10_000;

/** The repositories of a hub, with all their commits. */
export class Repositories {
  readonly #repositories = new Map<string, Repository>();

  create(type: RepositoryType, id: string): Repository {
    const found = this.#repositories.get(`${type}/${id}`.toLowerCase());
    if (found !== undefined) return found;
    const made: Repository = { type, id, access: 'public', commits: new Map(), revisions: new Map() };
    this.#repositories.set(`${type}/${id}`.toLowerCase(), made);
    return made;
  }

  /** Whatever the case of `id`. */
  find(type: string, id: string): Repository | undefined {
    return this.#repositories.get(`${type}/${id}`.toLowerCase());
  }

  ofOwner(type: RepositoryType, owner: string): Repository[] {
    return [...this.#repositories.values()].filter(
      (repository) => repository.type === type && repository.id.split('/')[0] === owner,
    );
  }

  /** Adds and replaces files (undefined: removes them), in a new commit of a branch. */
  commit(
    repository: Repository,
    files: Readonly<Record<string, Uint8Array | string | undefined>>,
    { revision = 'main', date = new Date() } = {},
  ): Commit {
    const all = new Map(repository.revisions.get(revision)?.files);
    for (const [path, content] of Object.entries(files)) {
      if (content === undefined) all.delete(path);
      else all.set(path, hubFile(Buffer.from(content)));
    }
    const name = `${repository.id} ${revision} ${repository.commits.size}`;
    const commit = { sha: createHash('sha1').update(name).digest('hex'), date, files: all };
    repository.commits.set(commit.sha, commit);
    repository.revisions.set(revision, commit);
    return commit;
  }
}

export function commitOf(repository: Repository, revision: string): Commit | undefined {
  return repository.revisions.get(revision) ?? repository.commits.get(revision);
}

/** What is below a directory, sorted; undefined where there is no such directory. */
export function treeOf(
  { files }: Commit,
  directory: string,
  isRecursive: boolean,
): readonly TreeEntry[] | undefined {
  const prefix = directory === '' ? '' : `${directory}/`;
  const entries = new Map<string, TreeEntry>();
  for (const [path, file] of files) {
    if (!path.startsWith(prefix)) continue;
    const parts = path.slice(prefix.length).split('/');
    const depth = isRecursive ? parts.length : 1;
    for (let count = 1; count <= depth; count += 1) {
      const below = prefix + parts.slice(0, count).join('/');
      entries.set(below, { path: below, file: below === path ? file : undefined });
    }
  }
  if (entries.size === 0 && directory !== '') return undefined;
  return [...entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function hubFile(bytes: Buffer): HubFile {
  const isLfs = bytes.byteLength >= LFS_FROM_BYTES;
  const sha256 = isLfs ? createHash('sha256').update(bytes).digest('hex') : undefined;
  const stored =
    sha256 === undefined
      ? bytes
      : Buffer.from(
          `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes.byteLength}\n`,
        );
  const oid = createHash('sha1').update(`blob ${stored.byteLength}\0`).update(stored).digest('hex');
  return { bytes, oid, sha256 };
}
