import type { ExecutionContext } from 'ava';

import type { CompleteClient } from '../../../src/source/resource-client.js';
import type { FaultFront, WholeAnswer } from '../fault-front.js';

/** A source before a server of its own, for one test. Names are paths below a directory of the test: `dir/a b`. */
export interface TestedSource {
  /** As the registry hands it out (`validatingClient`). */
  readonly client: CompleteClient;
  /** The URL of a file; of '' or with a slash at the end, of a directory. */
  urlOf(name: string): string;
  put(name: string, content: Uint8Array): void | Promise<void>;
  /** Puts many small files more cheaply; each contains its name. */
  putMany?(names: readonly string[]): void | Promise<void>;
  /** Names that the server cannot have. Default: none. */
  canPut?(name: string): boolean;
  /** Sets the permission bits of a file or directory. */
  chmod?(name: string, mode: number): void | Promise<void>;
  /** What stands before the server, where the source speaks HTTP. */
  readonly front?: FaultFront;
  /** How the server says that it is too busy now. Default: 503. */
  readonly busyAnswer?: WholeAnswer;
  /** The name of a file that may not be read. */
  readonly forbidden?: string;
  /** The name of a file that is to be restored first. */
  readonly archived?: string;
  /** From now on the credentials in use are refused as expired; the source can get others. */
  expireCredentials?(): void | Promise<void>;
  /** From now on whatever credentials the source has are refused. */
  revokeCredentials?(): void | Promise<void>;
}

/** What a check needs of a source or its server. A source lacks some, and says why. */
export type Need =
  /** Reads of a part. */
  | 'ranges'
  /** `list`. */
  | 'listing'
  /** Exact sizes in listings. */
  | 'listed sizes'
  /** ETags or digests in listings, the same as those of reads. */
  | 'listed versions'
  /** The kind is right for files and directories, without a slash at the end. */
  | 'hierarchy'
  /** A version is known by its ETag, or what stands for it. */
  | 'versions'
  /** Files can be replaced: `put` again. */
  | 'replacing'
  /** A listing that ends early shows that it does. */
  | 'listing ends'
  /** A listing of many entries has pages, each with a token for the next. */
  | 'pages'
  /** Permissions of files. */
  | 'modes'
  /** Keys with empty, `.` and `..` segments. */
  | 'flat keys'
  | 'front'
  | 'forbidden'
  | 'archived'
  | 'expireCredentials'
  | 'revokeCredentials';

export interface Check {
  readonly title: string;
  readonly needs: readonly Need[];
  /** The time limit of the client. Default: one that a busy machine does not reach. */
  readonly timeoutMs?: number;
  readonly run: (t: ExecutionContext, source: TestedSource) => Promise<void>;
}
