/** What was removed. */
export interface Evicted {
  /** Versions of files. */
  readonly files: number;
  readonly bytes: number;
}
