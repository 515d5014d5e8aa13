import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import type { ExecutionContext } from 'ava';

import { type Cdn, startCdn } from './hub/cdn.js';
import { answerHf } from './hub/hf-api.js';
import { type HubState, readHubRequest } from './hub/hub-request.js';
import { answerModelscope } from './hub/modelscope-api.js';
import { type Commit, Repositories, type Repository, type RepositoryType } from './hub/repositories.js';
import { type AccessEntry, type Address, listenOnLoopback } from './listen.js';

export interface Hub extends Address {
  readonly log: AccessEntry[];
  /** Serves the bytes of files of 10,000 bytes and more, on a port of its own. */
  readonly cdn: Cdn;
  token: string;
  readonly tokenWithoutTerms: string;
  /** Entries on a page of a tree. */
  pageSize: number;
  /** Answers the next requests to the hub, by default all, with 429 and this `RateLimit`. Undefined: no more. */
  rateLimit: string | undefined;
  repository(type: RepositoryType, id: string): Repository;
  /** Adds and replaces files (undefined: removes them) in a new commit of a branch, by default `main`. */
  commit(
    repository: Repository,
    files: Readonly<Record<string, Uint8Array | string | undefined>>,
    options?: { readonly revision?: string; readonly date?: Date },
  ): Commit;
}

export type HubKind = 'hf' | 'modelscope' | 'opencsg';

/** OpenCSG has huggingface.co's API below a prefix. */
const PREFIXES: Readonly<Record<HubKind, string>> = { hf: '', modelscope: '', opencsg: '/csg' };

/** A hub of models, datasets and spaces, that serves until the test ends. The base URL is `origin` (opencsg: and `/csg`). */
export async function startHub(t: ExecutionContext, kind: HubKind = 'hf'): Promise<Hub> {
  const log: AccessEntry[] = [];
  const cdn = await startCdn(t);
  const repositories = new Repositories();
  const state = {
    repositories,
    cdn,
    token: 'hf_test',
    tokenWithoutTerms: 'hf_other',
    pageSize: 1000,
    rateLimit: undefined as string | undefined,
  };
  const answer = kind === 'modelscope' ? answerModelscope : answerHf;
  const server = createServer((message, response) => {
    if (state.rateLimit !== undefined) {
      response.writeHead(429, { ratelimit: state.rateLimit, 'content-length': 0 }).end();
      return;
    }
    handle(message, response, state).catch((error: unknown) => response.destroy(error as Error));
  });
  async function handle(message: IncomingMessage, response: ServerResponse, hub: HubState): Promise<void> {
    answer(await readHubRequest(message, PREFIXES[kind]), response, hub);
  }
  return Object.assign(state, await listenOnLoopback(t, server, log), {
    log,
    repository: (type: RepositoryType, id: string) => repositories.create(type, id),
    commit: repositories.commit.bind(repositories),
  });
}
