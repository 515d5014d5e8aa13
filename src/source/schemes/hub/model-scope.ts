/** The API of ModelScope (modelscope, `hub/api.py`; Dragonfly's client/backend/model_scope.rs). */
import { NotFoundError, ProtocolError, SourceError } from '../../errors.js';
import type { HttpCaller, HttpEngine } from '../../http/http-engine.js';
import { saidBySource } from '../../safe-text.js';
import type { Hub, HubEntry, HubOptions } from './hub.js';
import { encodePath, type HubRepository } from './hub-path.js';
import {
  checkLength,
  fetchJson,
  type JsonObject,
  listOf,
  objectOf,
  sizeOf,
  textOf,
} from './json-document.js';
import { LISTING_TIME_FACTOR } from '../../listing-limits.js';
import { followPages } from '../../listing-pages.js';
import { RecentResults } from '../recent-results.js';

interface Page {
  readonly rows: readonly unknown[];
  readonly next: { readonly value: string } | undefined;
}

const TYPES = ['models', 'datasets'];
const PAGE_ENTRIES = 200;
/** A listing of the files of a model is cut there without a word (`REPO_FILES_TRUNCATION_LIMIT` of its client). */
const CUT_AT_ENTRIES = 3000;
/** The API has no query for a single file. */
const MAX_LISTINGS = 64;
/** The site refuses requests without one. */
const USER_AGENT = { 'user-agent': 'd7y-mount' };

export function createModelScope(engine: HttpEngine, { baseUrl, revision, profile }: HubOptions): Hub {
  const limitMs = engine.timeoutMs * LISTING_TIME_FACTOR;
  const listings = new RecentResults<readonly HubEntry[]>(MAX_LISTINGS);

  async function list(
    repository: HubRepository,
    path: string,
    caller: HttpCaller,
  ): Promise<readonly HubEntry[]> {
    const at = repository.revision ?? revision;
    const key = `${repository.type}/${repository.id}@${at}/${path}`;
    return await listings.get(key, caller, (shared) =>
      fetchListing({ ...repository, revision: at }, path, shared),
    );
  }

  async function fetchListing(
    repository: HubRepository,
    path: string,
    caller: HttpCaller,
  ): Promise<HubEntry[]> {
    const { type, id, revision: at = '' } = repository;
    const entries: HubEntry[] = [];
    let rowCount = 0;
    let first: string | undefined;
    for await (const { rows } of followPages(caller.url, fetchPage, limitMs)) {
      // Pages have numbers: where those are ignored, each page is the first.
      const begin = JSON.stringify(rows[0]);
      if (rows.length > 0 && begin === first) throw noEnd(caller.url);
      first = begin;
      rowCount += rows.length;
      checkLength(rowCount, caller.url);
      for (const row of rows) {
        const entry = toEntry(objectOf(row, 'a file', caller.url), at, caller.url);
        if (isBelow(entry.path, path)) entries.push(entry);
      }
    }
    return entries;

    async function fetchPage({ value: page } = { value: '1' }): Promise<Page> {
      const query = new URLSearchParams({ Revision: at, Root: path, Recursive: 'False' });
      if (type === 'datasets') {
        query.set('PageNumber', page);
        query.set('PageSize', String(PAGE_ENTRIES));
      }
      const name = type === 'datasets' ? 'tree' : 'files';
      const url = new URL(`api/v1/${type}/${encodePath(id)}/repo/${name}?${query.toString()}`, baseUrl);
      const { value } = await fetchJson(engine, { ...profile, header: USER_AGENT, url }, caller);
      const rows = filesOf(value, caller.url);
      if (type !== 'datasets' && rows.length >= CUT_AT_ENTRIES) throw cut(caller.url);
      const isLast = type !== 'datasets' || rows.length < PAGE_ENTRIES;
      return { rows, next: isLast ? undefined : { value: String(Number(page) + 1) } };
    }
  }

  async function find(repository: HubRepository, path: string, caller: HttpCaller): Promise<HubEntry> {
    const slash = path.lastIndexOf('/');
    const entries = await list(repository, slash === -1 ? '' : path.slice(0, slash), caller);
    if (path === '') return { path, isDir: true, revision: repository.revision ?? revision };
    const found = entries.find((entry) => entry.path === path);
    if (found === undefined) throw new NotFoundError(caller.url);
    return found;
  }

  return {
    profileFor: () => profile,
    types: TYPES,
    list,
    find,
    fileUrl: ({ type, id }, { path, revision: at }) => {
      const query = new URLSearchParams({ Revision: at, FilePath: path });
      return new URL(`api/v1/${type}/${encodePath(id)}/repo?${query.toString()}`, baseUrl);
    },
  };
}

function noEnd(url: URL): ProtocolError {
  return new ProtocolError('the listing has no end', url, {
    expected: 'a page that begins elsewhere',
    found: 'the same once more',
  });
}

function cut(url: URL): ProtocolError {
  return new ProtocolError('the hub cuts long listings', url, {
    expected: `fewer than ${CUT_AT_ENTRIES} entries`,
    found: 'as many, and perhaps more',
  });
}

/** An error may come as status 200 with another `Code`. */
function filesOf(value: unknown, url: URL): readonly unknown[] {
  const { Code: code, Message: message, Data: data } = objectOf(value, 'the response', url);
  if (code !== undefined && code !== 200) {
    const found = `Code ${JSON.stringify(code)}${typeof message === 'string' ? `, ${saidBySource(message)}` : ''}`;
    if (/not (?:exist|found)/i.test(found)) throw new NotFoundError(url, { found });
    const kind = /permission|denied|login|token/i.test(found) ? 'ACCESS_DENIED' : 'UNEXPECTED_STATUS';
    throw new SourceError(kind, 'the hub refuses the request', url, { expected: 'Code 200', found });
  }
  return listOf(objectOf(data, 'Data', url)['Files'] ?? [], 'Data.Files', url);
}

function toEntry(row: JsonObject, revision: string, url: URL): HubEntry {
  const path = textOf(row['Path'], 'Path', url);
  if (row['Type'] === 'tree') return { path, isDir: true, revision };
  const { Sha256: sha256, Revision: commit, CommittedDate: seconds } = row;
  const hasDigest = typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256);
  const isCommit = typeof commit === 'string' && /^[0-9a-f]{40}$/.test(commit);
  const hex = hasDigest ? sha256.toLowerCase() : '';
  return {
    path,
    isDir: false,
    sizeBytes: sizeOf(row['Size'], 'Size', url),
    // The commit that changed the file last: there it stays as it is.
    revision: isCommit ? commit : revision,
    ...(hasDigest ? { contentId: hex, digest: { algorithm: 'sha256', hex } } : {}),
    ...(!hasDigest && isCommit ? { contentId: commit } : {}),
    lastModifiedMs: typeof seconds === 'number' ? seconds * 1000 : undefined,
  };
}

/** Whether `path` lies one level below the directory. */
function isBelow(path: string, directory: string): boolean {
  const prefix = directory === '' ? '' : `${directory}/`;
  return path.startsWith(prefix) && !path.slice(prefix.length).includes('/');
}
