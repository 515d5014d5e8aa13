export interface WarmOptions {
  /** Directories with all below them. */
  readonly isRecursive: boolean;
  /** Files at once. */
  readonly jobs: number;
  /** Nothing is fetched: what is on disk is counted. */
  readonly isCheck: boolean;
  /** The job outlives the request. */
  readonly isBackground: boolean;
}

export type WarmState = 'running' | 'done' | 'cancelled' | 'failed';

export interface WarmFailure {
  readonly url: string;
  readonly code: string;
  readonly message: string;
}

/** What a job has done; `docs/OPERATING.md` says what each number means. */
export interface WarmReport {
  readonly job: number;
  readonly state: WarmState;
  readonly isBackground: boolean;
  readonly isCheck: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
  /** Those that are on disk, all of them. */
  readonly files: number;
  /** Found so far. */
  readonly totalFiles: number;
  readonly failed: number;
  readonly doneBytes: number;
  /** Of those whose size is known so far. */
  readonly totalBytes: number;
  readonly fetchedBytes: number;
  /** Whether all files are found. */
  readonly isListed: boolean;
  /** Why it ended before its end. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly lastFailure: WarmFailure | undefined;
}
