/** The API of the Hugging Face Hub (huggingface_hub, `hf_api.py`; Dragonfly's client/backend/hugging_face.rs). */
import { NotFoundError, ProtocolError } from '../../errors.js';
import type { HttpCaller, HttpEngine, HttpProfile, HttpRequest } from '../../http/http-engine.js';
import { nextLink } from '../../http/next-link.js';
import type { Hub, HubEntry, HubOptions } from './hub.js';
import { explainHubRefusal } from './hub-refusal.js';
import { encodePath, type HubRepository } from './hub-path.js';
import {
  checkLength,
  contentIdOf,
  fetchJson,
  isSha256,
  type JsonObject,
  listOf,
  objectOf,
  sizeOf,
  textOf,
  timeOf,
} from './json-document.js';
import { LISTING_TIME_FACTOR } from '../../listing-limits.js';
import { followPages } from '../../listing-pages.js';
import { RecentResults } from '../recent-results.js';

interface Commit {
  readonly sha: string;
  readonly lastModifiedMs: number | undefined;
}

interface Page {
  readonly value: unknown;
  readonly next: { readonly value: string } | undefined;
}

const TYPES = ['models', 'datasets', 'spaces'];
const PAGE_ENTRIES = 1000;
const MAX_COMMITS = 1_000;

export function createHuggingFace(engine: HttpEngine, options: HubOptions): Hub {
  const { baseUrl } = options;
  const limitMs = engine.timeoutMs * LISTING_TIME_FACTOR;
  const profileFor = (url: URL): HttpProfile => ({
    ...options.profile,
    explain: (refusal) => explainHubRefusal(refusal, url, options),
  });
  const commits = new RecentResults<Commit>(MAX_COMMITS);

  async function fetchApi(
    path: string,
    caller: HttpCaller,
    extra: Pick<HttpRequest, 'method' | 'body'> = {},
  ): ReturnType<typeof fetchJson> {
    const url = new URL(`api/${path}`, baseUrl);
    return await fetchJson(engine, { ...profileFor(caller.url), ...extra, url }, caller);
  }

  async function commitOf(repository: HubRepository, caller: HttpCaller): Promise<Commit> {
    const { type, id, revision = options.revision } = repository;
    const key = `${type}/${id}@${revision}`;
    return await commits.get(key, caller, (shared) => fetchCommit({ type, id, revision }, shared));
  }

  async function fetchCommit(
    { type, id, revision = '' }: HubRepository,
    caller: HttpCaller,
  ): Promise<Commit> {
    // Without the names of all files, which may be millions.
    const path = `${type}/${encodePath(id)}/revision/${encodeURIComponent(revision)}?expand=sha&expand=lastModified`;
    const { value } = await fetchApi(path, caller);
    const { sha, lastModified } = objectOf(value, 'the revision', caller.url);
    return { sha: textOf(sha, 'sha', caller.url), lastModifiedMs: timeOf(lastModified) };
  }

  async function find(repository: HubRepository, path: string, caller: HttpCaller): Promise<HubEntry> {
    const commit = await commitOf(repository, caller);
    const { sha, lastModifiedMs } = commit;
    if (path === '') return { path, isDir: true, revision: sha, lastModifiedMs };
    const { value } = await fetchApi(`${apiPath(repository)}/paths-info/${sha}`, caller, {
      method: 'POST',
      body: { type: 'application/json', text: JSON.stringify({ paths: [path], expand: false }) },
    });
    const found = entriesOf(value, commit, caller.url).find((entry) => entry.path === path);
    if (found === undefined) throw new NotFoundError(caller.url);
    return found;
  }

  async function list(repository: HubRepository, path: string, caller: HttpCaller): Promise<HubEntry[]> {
    const commit = await commitOf(repository, caller);
    const directory = path === '' ? '' : `/${encodePath(path)}`;
    const first = `${apiPath(repository)}/tree/${commit.sha}${directory}?limit=${PAGE_ENTRIES}`;
    const entries: HubEntry[] = [];
    for await (const page of pages(first, caller)) {
      // A file lists itself.
      const below = entriesOf(page, commit, caller.url).filter((entry) => isChild(entry.path, path));
      entries.push(...below);
    }
    return entries;
  }

  async function listRepositories(type: string, owner: string, caller: HttpCaller): Promise<string[]> {
    const names: string[] = [];
    for await (const page of pages(
      `${type}?author=${encodeURIComponent(owner)}&limit=${PAGE_ENTRIES}`,
      caller,
    )) {
      for (const row of listOf(page, 'the repositories', caller.url)) {
        const id = textOf(objectOf(row, 'a repository', caller.url)['id'], 'id', caller.url);
        if (id.startsWith(`${owner}/`)) names.push(id.slice(owner.length + 1));
      }
    }
    return names;
  }

  /** By the links of RFC 8288 to the next page. */
  async function* pages(path: string, caller: HttpCaller): AsyncGenerator {
    let entries = 0;
    for await (const { value } of followPages(caller.url, fetchPage, limitMs)) {
      entries += Array.isArray(value) ? value.length : 0;
      checkLength(entries, caller.url);
      yield value;
    }

    async function fetchPage(start = { value: path }): Promise<Page> {
      const { value, answer } = await fetchApi(start.value, caller);
      return { value, next: nextPage(answer.header.get('link'), new URL('api/', baseUrl), caller.url) };
    }
  }

  return {
    profileFor,
    types: TYPES,
    find,
    list,
    listRepositories,
    fileUrl: ({ type, id }, { path, revision }) => {
      const prefix = type === 'models' ? '' : `${type}/`;
      return new URL(
        `${prefix}${encodePath(id)}/resolve/${encodeURIComponent(revision)}/${encodePath(path)}`,
        baseUrl,
      );
    },
  };
}

function apiPath({ type, id }: HubRepository): string {
  return `${type}/${encodePath(id)}`;
}

/** Whether `path` lies one level below the directory. */
function isChild(path: string, directory: string): boolean {
  const prefix = directory === '' ? '' : `${directory}/`;
  return path.startsWith(prefix) && path !== prefix && !path.slice(prefix.length).includes('/');
}

function entriesOf(value: unknown, commit: Commit, url: URL): HubEntry[] {
  return listOf(value, 'the entries', url).map((row) => toEntry(objectOf(row, 'an entry', url), commit, url));
}

function toEntry(row: JsonObject, { sha, lastModifiedMs }: Commit, url: URL): HubEntry {
  const path = textOf(row['path'], 'path', url);
  if (row['type'] === 'directory') return { path, isDir: true, revision: sha };
  const common = { path, isDir: false, revision: sha, lastModifiedMs };
  if (row['lfs'] === undefined || row['lfs'] === null) {
    const sizeBytes = sizeOf(row['size'], 'size', url);
    return { ...common, sizeBytes, contentId: contentIdOf(row['oid'], sha) };
  }
  // `size` of an entry may be that of its pointer file.
  const { size, oid, sha256 } = objectOf(row['lfs'], 'lfs', url);
  const hex = textOf(oid ?? sha256, 'lfs.oid', url).replace(/^sha256:/, '');
  return {
    ...common,
    sizeBytes: sizeOf(size, 'lfs.size', url),
    contentId: contentIdOf(hex, sha),
    ...(isSha256(hex) ? { digest: { algorithm: 'sha256', hex } } : {}),
  };
}

/** Below `base`, where the token of the hub may be sent. */
function nextPage(link: string | null, base: URL, url: URL): Page['next'] {
  const target = nextLink(link);
  if (target === undefined) return undefined;
  const next = URL.canParse(target, base.href) ? new URL(target, base) : undefined;
  if (next?.href.startsWith(base.href) === true) return { value: next.href.slice(base.href.length) };
  throw new ProtocolError('a listing continues elsewhere', url, {
    expected: `a next page at ${base.origin}`,
    found: next?.origin ?? 'no URL',
  });
}
