import type { ContentDigest } from '../../metadata.js';
import type { HttpCaller, HttpProfile } from '../../http/http-engine.js';
import type { HubRepository } from './hub-path.js';

/** What a hub says of a file or a directory of a repository. */
export interface HubEntry {
  /** From the root of the repository, decoded. */
  readonly path: string;
  readonly isDir: boolean;
  /** Of a file. */
  readonly sizeBytes?: number;
  /** Identifies the content of a file: equal ids, equal bytes. Undefined: nothing does. */
  readonly contentId?: string | undefined;
  readonly digest?: ContentDigest;
  /** The revision at which the file is read, a commit if the hub names it: there its content never changes. */
  readonly revision: string;
  readonly lastModifiedMs?: number | undefined;
}

export interface HubOptions {
  /** Ends with a slash. */
  readonly baseUrl: URL;
  /** Of URLs that name none. */
  readonly revision: string;
  /** Who authorizes requests, and by which connections. */
  readonly profile: HttpProfile;
  /** A sentence for a refusal, if a token was looked for and not found. */
  readonly tokenNotFound: () => string | undefined;
}

/** A hub of models. All methods reject with a `SourceError`: NOT_FOUND for what is missing, a repository too. */
export interface Hub {
  /** How its files are read; errors name `url`. */
  profileFor(url: URL): HttpProfile;
  /** The types of repositories; the first is that of a URL which names none. */
  readonly types: readonly string[];
  /** One level below `path`. */
  list(repository: HubRepository, path: string, caller: HttpCaller): Promise<readonly HubEntry[]>;
  /** Of the root ('') too. */
  find(repository: HubRepository, path: string, caller: HttpCaller): Promise<HubEntry>;
  fileUrl(repository: HubRepository, entry: Pick<HubEntry, 'path' | 'revision'>): URL;
  /** The names of the repositories of an owner. Absent: the hub does not list them. */
  listRepositories?(type: string, owner: string, caller: HttpCaller): Promise<readonly string[]>;
}
