import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

import { sendBytes } from '../send-range.js';
import { decodePath, type HubRequest, type HubState, sendJson } from './hub-request.js';
import { type Commit, commitOf, type Repository, treeOf, type TreeEntry } from './repositories.js';

const PAGE_SIZE = 200;
/** Of the listing of a model's files (`REPO_FILES_TRUNCATION_LIMIT` of the official client). */
const CUT_AT_ENTRIES = 3000;

/** The API of modelscope.cn, as far as files are read with it. Its branch is called `master`. */
export function answerModelscope(request: HubRequest, response: ServerResponse, hub: HubState): void {
  const { segments, query } = request;
  const isApi = decodePath(segments.slice(0, 2)) === 'api/v1';
  const [type = '', owner = '', name = '', ...verbs] = isApi ? segments.slice(2) : segments;
  const repository = hub.repositories.find(type, decodePath([owner, name]));
  const mayRead = repository?.access === 'public' || request.token === hub.token;
  if (repository === undefined) {
    refuse(response, 404, 10010205001, '模型不存在，请检查模型ID');
    return;
  }
  if (!mayRead) {
    refuse(response, 403, 10010203002, 'has no permission');
    return;
  }
  const verb = verbs.join('/');
  const isResolve = !isApi && verbs[0] === 'resolve';
  const revision = isResolve ? decodeURIComponent(verbs[1] ?? '') : (query.get('Revision') ?? 'master');
  const commit = commitOf(repository, revision === 'master' ? 'main' : revision);
  if (commit === undefined) {
    // As seen: an error of its own, under a status of success.
    refuse(response, 200, 10010205017, `Revision ${revision} not found`);
  } else if (isResolve) {
    sendFile(request, response, hub, commit, decodePath(verbs.slice(2)));
  } else if (verb === 'repo') {
    sendFile(request, response, hub, commit, query.get('FilePath') ?? '');
  } else if (verb === (type === 'datasets' ? 'repo/tree' : 'repo/files')) {
    sendFiles(request, response, commit, type === 'datasets');
  } else if (verb === 'revisions') {
    succeed(response, revisionsJson(repository));
  } else if (verb === '') {
    succeed(response, { Id: 1, Name: name, Path: owner, Revision: 'master' });
  } else {
    refuse(response, 404, 10010205001, 'not found');
  }
}

function sendFile(
  request: HubRequest,
  response: ServerResponse,
  hub: HubState,
  commit: Commit,
  path: string,
): void {
  const file = commit.files.get(path);
  if (file === undefined) {
    refuse(response, 404, 10010205018, `File ${path} not found`);
  } else if (file.sha256 === undefined) {
    response.setHeader('etag', `"${file.oid}"`);
    response.setHeader('accept-ranges', 'bytes');
    sendBytes(response, request.range, file.bytes);
  } else {
    response.writeHead(302, { location: hub.cdn.linkTo(file), 'content-length': 0 }).end();
  }
}

/** Models have one page, which is cut without a word; datasets have pages. */
function sendFiles(request: HubRequest, response: ServerResponse, commit: Commit, hasPages: boolean): void {
  const { query } = request;
  const root = (query.get('Root') ?? '').replaceAll(/^\/|\/$/g, '');
  const isRecursive = query.get('Recursive')?.toLowerCase() === 'true';
  const entries = treeOf(commit, root, isRecursive) ?? [];
  const size = Math.min(Number(query.get('PageSize') ?? PAGE_SIZE), PAGE_SIZE);
  const start = (Number(query.get('PageNumber') ?? 1) - 1) * size;
  const shown = hasPages ? entries.slice(start, start + size) : entries.slice(0, CUT_AT_ENTRIES);
  succeed(response, { Files: shown.map((entry) => fileJson(entry, commit)) });
}

function fileJson({ path, file }: TreeEntry, commit: Commit): object {
  return {
    Path: path,
    Name: path.slice(path.lastIndexOf('/') + 1),
    Type: file === undefined ? 'tree' : 'blob',
    Mode: file === undefined ? '040000' : '100644',
    Size: file?.bytes.byteLength ?? 0,
    Sha256: file === undefined ? '' : createHash('sha256').update(file.bytes).digest('hex'),
    IsLFS: file?.sha256 !== undefined,
    Id: file?.oid ?? commit.sha,
    Revision: commit.sha,
    CommitId: commit.sha,
    CommittedDate: Math.floor(commit.date.getTime() / 1000),
  };
}

function revisionsJson(repository: Repository): object {
  const branches = [...repository.revisions].map(([name, { sha }]) => ({
    Revision: name === 'main' ? 'master' : name,
    CommitId: sha,
  }));
  return { RevisionMap: { Branches: branches, Tags: [] }, Branches: branches, Tags: [] };
}

function succeed(response: ServerResponse, data: object): void {
  sendJson(response, { Code: 200, Success: true, Message: 'success', RequestId: 'test', Data: data });
}

function refuse(response: ServerResponse, status: number, code: number, message: string): void {
  sendJson(response, { Code: code, Success: false, Message: message, RequestId: 'test', Data: null }, status);
}
