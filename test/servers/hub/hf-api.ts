import type { ServerResponse } from 'node:http';

import { sendBytes } from '../send-range.js';
import { decodePath, type HubRequest, type HubState, sendJson } from './hub-request.js';
import {
  type Commit,
  commitOf,
  type HubFile,
  type Repository,
  type RepositoryType,
  treeOf,
  type TreeEntry,
} from './repositories.js';

/** With `expand=true` the pages are smaller. */
const EXPANDED_PAGE = 50;

/** The API of huggingface.co, as far as files are read with it. */
export function answerHf(request: HubRequest, response: ServerResponse, hub: HubState): void {
  const { segments } = request;
  if (decodePath(segments) === 'api/whoami-v2') {
    if (isKnown(hub, request.token)) sendJson(response, { name: 'ada', type: 'user', orgs: [] });
    else refuse(response, 401, '', 'Invalid credentials in Authorization header');
    return;
  }
  const isApi = segments[0] === 'api';
  const rest = isApi ? segments.slice(1) : segments;
  const hasType = isType(rest[0]);
  const type: RepositoryType = hasType ? (rest[0] as RepositoryType) : 'models';
  const [owner = '', name = '', verb = '', ...operands] = hasType ? rest.slice(1) : rest;
  if (isApi && owner === '') {
    sendRepositories(request, response, hub, type);
    return;
  }
  const id = decodePath([owner, name]);
  const repository = hub.repositories.find(type, id);
  const refusal = refusalOf(hub, repository, request.token);
  if (refusal !== undefined || repository === undefined) {
    refuse(response, ...(refusal ?? ([404, 'RepoNotFound', 'Repository not found'] as const)));
  } else if (repository.id !== id) {
    const [from, to] = [`/${owner}/${name}`, `/${repository.id}`];
    response.writeHead(307, { location: request.target.replace(from, to) }).end();
  } else if (isApi) {
    answerApi(request, response, hub, { repository, verb, operands });
  } else if (verb === 'resolve') {
    resolve(request, response, hub, repository, operands);
  } else {
    refuse(response, 404, '', 'Not found');
  }
}

/** `api/models?author=…`, with the links of a tree to its pages. */
function sendRepositories(
  request: HubRequest,
  response: ServerResponse,
  hub: HubState,
  type: RepositoryType,
): void {
  const found = hub.repositories.ofOwner(type, request.query.get('author') ?? '');
  const shown = found.filter(({ access }) => access !== 'private' || request.token === hub.token);
  sendPage(
    request,
    response,
    shown.map(({ id }) => ({ id, modelId: id })),
    hub.pageSize,
  );
}

function answerApi(
  request: HubRequest,
  response: ServerResponse,
  hub: HubState,
  { repository, verb, operands }: { repository: Repository; verb: string; operands: readonly string[] },
): void {
  const [revision = 'main', ...path] = operands;
  const commit = commitOf(repository, decodeURIComponent(revision));
  if (commit === undefined) {
    refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
  } else if (verb === 'tree') {
    sendTree(request, response, hub, commit, decodePath(path));
  } else if (verb === 'paths-info') {
    const found = pathsOf(request.body).flatMap((wanted) => entryAt(commit, wanted));
    sendJson(
      response,
      found.map((entry) => treeJson(entry, commit, false)),
    );
  } else if (verb === '' || verb === 'revision') {
    const info = infoJson(repository, commit, request.query.get('blobs') !== null);
    const expanded = request.query.getAll('expand');
    const isShown = ([name]: [string, unknown]): boolean => /^_?id$/.test(name) || expanded.includes(name);
    sendJson(
      response,
      expanded.length === 0 ? info : Object.fromEntries(Object.entries(info).filter(isShown)),
    );
  } else {
    refuse(response, 404, '', 'Not found');
  }
}

function sendTree(
  request: HubRequest,
  response: ServerResponse,
  hub: HubState,
  commit: Commit,
  directory: string,
): void {
  const { query } = request;
  const isTrue = (name: string): boolean => query.get(name)?.toLowerCase() === 'true';
  const entries = treeOf(commit, directory, isTrue('recursive'));
  if (entries === undefined) {
    refuse(response, 404, 'EntryNotFound', `${directory} does not exist on "${commit.sha}"`);
    return;
  }
  const limit = isTrue('expand') ? Math.min(EXPANDED_PAGE, hub.pageSize) : hub.pageSize;
  sendPage(
    request,
    response,
    entries.map((entry) => treeJson(entry, commit, isTrue('expand'))),
    limit,
  );
}

/** Of at most `limit` rows, with a link to the next one (RFC 8288). */
function sendPage(
  request: HubRequest,
  response: ServerResponse,
  rows: readonly object[],
  limit: number,
): void {
  const length = Math.min(Number(request.query.get('limit') ?? limit), limit);
  const start = Number(Buffer.from(request.query.get('cursor') ?? '', 'base64').toString());
  if (start + length < rows.length) {
    const next = new URL(request.target, request.origin);
    next.searchParams.set('cursor', Buffer.from(String(start + length)).toString('base64'));
    response.setHeader('link', `<${next.href}>; rel="next"`);
  }
  sendJson(response, rows.slice(start, start + length));
}

function resolve(
  request: HubRequest,
  response: ServerResponse,
  hub: HubState,
  repository: Repository,
  operands: readonly string[],
): void {
  // Three segments, also where they are not encoded.
  const length = operands[0] === 'refs' ? 3 : 1;
  const commit = commitOf(repository, decodePath(operands.slice(0, length)));
  if (commit === undefined) {
    refuse(response, 404, 'RevisionNotFound', 'Invalid rev id');
    return;
  }
  response.setHeader('x-repo-commit', commit.sha);
  const file = commit.files.get(decodePath(operands.slice(length)));
  if (file === undefined) {
    refuse(response, 404, 'EntryNotFound', 'Entry not found');
    return;
  }
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('etag', `"${file.sha256 ?? file.oid}"`);
  if (file.sha256 === undefined) {
    sendBytes(response, request.range, file.bytes);
    return;
  }
  response.setHeader('x-linked-etag', `"${file.sha256}"`);
  response.setHeader('x-linked-size', String(file.bytes.byteLength));
  response.writeHead(302, { location: hub.cdn.linkTo(file), 'content-length': 0 }).end();
}

function refusalOf(
  hub: HubState,
  repository: Repository | undefined,
  token: string | undefined,
): readonly [number, string, string] | undefined {
  if (token !== undefined && !isKnown(hub, token)) {
    return [401, '', 'Invalid credentials in Authorization header'];
  }
  // What is private looks like what is missing.
  if (repository === undefined || (repository.access === 'private' && token !== hub.token)) {
    return [token === undefined ? 401 : 404, 'RepoNotFound', 'Repository not found'];
  }
  if (repository.access === 'gated' && token !== hub.token) {
    const message = `Access to ${repository.type.slice(0, -1)} ${repository.id} is restricted`;
    return [token === undefined ? 401 : 403, 'GatedRepo', message];
  }
  return undefined;
}

function isKnown(hub: HubState, token: string | undefined): boolean {
  return token === hub.token || token === hub.tokenWithoutTerms;
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  if (code !== '') response.setHeader('x-error-code', code);
  response.setHeader('x-error-message', message);
  sendJson(response, { error: message }, status);
}

function isType(segment: string | undefined): boolean {
  return segment === 'models' || segment === 'datasets' || segment === 'spaces';
}

/** The body is a form, or JSON. */
function pathsOf(body: string): string[] {
  if (!body.startsWith('{')) return new URLSearchParams(body).getAll('paths');
  const { paths } = JSON.parse(body) as { readonly paths: string | string[] };
  return [paths].flat();
}

function entryAt(commit: Commit, path: string): TreeEntry[] {
  const file = commit.files.get(path);
  const isDirectory = path !== '' && treeOf(commit, path, false) !== undefined;
  return file !== undefined || isDirectory ? [{ path, file }] : [];
}

function treeJson({ path, file }: TreeEntry, commit: Commit, isExpanded: boolean): object {
  const last = { id: commit.sha, title: 'Upload', date: commit.date.toISOString() };
  return {
    type: file === undefined ? 'directory' : 'file',
    oid: file?.oid ?? commit.sha,
    size: file?.bytes.byteLength ?? 0,
    path,
    ...(file?.sha256 === undefined ? {} : { lfs: lfsJson(file) }),
    ...(isExpanded ? { lastCommit: last } : {}),
  };
}

function lfsJson({ sha256, bytes }: HubFile): object {
  return { oid: sha256, size: bytes.byteLength, pointerSize: 134 };
}

function infoJson(repository: Repository, commit: Commit, withBlobs: boolean): object {
  const siblings = [...commit.files].map(([rfilename, file]) => ({
    rfilename,
    ...(withBlobs
      ? {
          size: file.bytes.byteLength,
          blobId: file.oid,
          ...(file.sha256 === undefined
            ? {}
            : { lfs: { sha256: file.sha256, size: file.bytes.byteLength, pointerSize: 134 } }),
        }
      : {}),
  }));
  return {
    _id: repository.id,
    id: repository.id,
    author: repository.id.split('/')[0],
    sha: commit.sha,
    lastModified: commit.date.toISOString(),
    createdAt: commit.date.toISOString(),
    private: repository.access === 'private',
    gated: repository.access === 'gated' ? 'auto' : false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    siblings,
  };
}
