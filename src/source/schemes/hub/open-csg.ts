/** The API of OpenCSG (Dragonfly's client/backend/open_csg.rs): like that of Hugging Face, with another listing. */
import { NotFoundError, ProtocolError } from '../../errors.js';
import { Turns } from '../../turns.js';
import type { HttpCaller, HttpEngine, HttpProfile } from '../../http/http-engine.js';
import type { Hub, HubEntry, HubOptions } from './hub.js';
import { explainHubRefusal } from './hub-refusal.js';
import { encodePath, type HubRepository } from './hub-path.js';
import {
  checkLength,
  contentIdOf,
  fetchJson,
  isSha256,
  listOf,
  objectOf,
  sizeOf,
  textOf,
  timeOf,
} from './json-document.js';
import { RecentResults } from '../recent-results.js';

/** All entries of a repository by path; the root is ''. */
interface Tree {
  readonly entries: ReadonlyMap<string, HubEntry>;
  readonly children: ReadonlyMap<string, readonly HubEntry[]>;
}

/** Of Linux and git. */
const PATH_MAX = 4_096;
const TYPES = ['models', 'datasets', 'spaces', 'codes'];
/** Of the paths of all entries and of the directories on the way to them: few paths of many levels would take minutes. */
const MAX_PATH_CHARS = 32 * 1024 * 1024;
/** There is one listing for all of a repository. */
const MAX_TREES = 16;

export function createOpenCsg(engine: HttpEngine, options: HubOptions): Hub {
  const { baseUrl, revision } = options;
  const profileFor = (url: URL): HttpProfile => ({
    ...options.profile,
    explain: (refusal) => explainHubRefusal(refusal, url, options),
  });
  const trees = new RecentResults<Tree>(MAX_TREES);

  async function treeOf(repository: HubRepository, caller: HttpCaller): Promise<Tree> {
    const { type, id, revision: at = revision } = repository;
    const key = `${type}/${id}@${at}`;
    return await trees.get(key, caller, (shared) => fetchTree({ type, id, revision: at }, shared));
  }

  async function fetchTree(
    { type, id, revision: at = '' }: HubRepository,
    caller: HttpCaller,
  ): Promise<Tree> {
    const path = `api/${type}/${encodePath(id)}/revision/${encodeURIComponent(at)}?blobs=true`;
    const { value } = await fetchJson(
      engine,
      { ...profileFor(caller.url), url: new URL(path, baseUrl) },
      caller,
    );
    const { sha, siblings, lastModified } = objectOf(value, 'the revision', caller.url);
    const rows = listOf(siblings ?? [], 'siblings', caller.url);
    checkLength(rows.length, caller.url);
    const commit = typeof sha === 'string' && sha !== '' ? sha : at;
    return await buildTree(rows, { commit, lastModifiedMs: timeOf(lastModified) }, caller.url);
  }

  return {
    profileFor,
    types: TYPES,
    list: async (repository, path, caller) => {
      const { children } = await treeOf(repository, caller);
      return children.get(path) ?? [];
    },
    find: async (repository, path, caller) => {
      const found = (await treeOf(repository, caller)).entries.get(path);
      if (found === undefined) throw new NotFoundError(caller.url);
      return found;
    },
    fileUrl: ({ type, id }, { path, revision: at }) => {
      const prefix = type === 'models' ? '' : `${type}/`;
      return new URL(
        `${prefix}${encodePath(id)}/resolve/${encodeURIComponent(at)}/${encodePath(path)}`,
        baseUrl,
      );
    },
  };
}

function tooManyPaths(url: URL): ProtocolError {
  return new ProtocolError('the paths of the repository are too long', url, {
    expected: `at most ${PATH_MAX} characters in each, and ${MAX_PATH_CHARS} in all directories`,
    found: 'more',
  });
}

/** Other work has its turns in between: there may be a hundred thousand files. */
async function buildTree(
  rows: readonly unknown[],
  { commit, lastModifiedMs }: { readonly commit: string; readonly lastModifiedMs: number | undefined },
  url: URL,
): Promise<Tree> {
  const turns = new Turns(undefined);
  const root: HubEntry = { path: '', isDir: true, revision: commit, lastModifiedMs };
  const entries = new Map<string, HubEntry>([['', root]]);
  const children = new Map<string, HubEntry[]>([['', []]]);
  let pathChars = 0;
  const add = (entry: HubEntry): void => {
    if (entries.has(entry.path)) return;
    pathChars += entry.path.length;
    if (pathChars > MAX_PATH_CHARS) throw tooManyPaths(url);
    entries.set(entry.path, entry);
    if (entry.isDir) children.set(entry.path, []);
    const parent = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf('/')));
    if (!entries.has(parent)) add({ path: parent, isDir: true, revision: commit });
    children.get(parent)?.push(entry);
  };
  for (const row of rows) {
    const { rfilename, size, blobId, lfs } = objectOf(row, 'a sibling', url);
    const { sha256 } = lfs === undefined || lfs === null ? {} : objectOf(lfs, 'lfs', url);
    const hex = isSha256(sha256) ? sha256 : undefined;
    const path = textOf(rfilename, 'rfilename', url);
    if (path.length > PATH_MAX) throw tooManyPaths(url);
    const wait = turns.spend(path.length, 1);
    if (wait !== undefined) await wait;
    add({
      path,
      isDir: false,
      ...(size === undefined ? {} : { sizeBytes: sizeOf(size, 'size', url) }),
      revision: commit,
      lastModifiedMs,
      contentId: contentIdOf(hex ?? blobId, commit),
      ...(hex === undefined ? {} : { digest: { algorithm: 'sha256', hex } }),
    });
  }
  return { entries, children };
}
