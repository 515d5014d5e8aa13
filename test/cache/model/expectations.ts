import type { SourceErrorCode } from '../../../src/source/index.js';
import { type CacheRun, NEGATIVE_TTL_MS, STALE_IF_ERROR_MS, TTL_MS } from './cache-run.js';
import { ModelError, type ModelHandle } from './model-handle.js';
import type { SimulatedFile } from './simulated-file.js';
import type { SimulatedSource } from './simulated-source.js';

/** What the clock of the disk, which is the real one, may be off. */
const SLACK_MS = 5_000;

/** What may be opened, and what may fail. */
export class Expectations {
  readonly #source: SimulatedSource;
  readonly #run: CacheRun;

  constructor(source: SimulatedSource, run: CacheRun) {
    this.#source = source;
    this.#run = run;
  }

  checkFailure(handle: ModelHandle, error: unknown, isAborted: boolean): void {
    const code = codeOf(error);
    if (this.#run.isOffline && code === 'NETWORK_UNREACHABLE') return;
    handle.checkFailure(this.#source, error, isAborted);
    if (code === 'CHANGED') handle.file.noteSuperseded(handle.versionNumbers);
  }

  /** What is opened is the current version, or was reported as such recently. */
  checkFresh({ file, versionNumbers, open }: ModelHandle): void {
    if (open.size !== undefined) {
      const isSize = file.versions.some(
        ({ number, bytes }) => versionNumbers.includes(number) && bytes.length === open.size,
      );
      if (!isSize) throw new ModelError(`the size is ${open.size}`);
    }
    if (this.#run.isOffline || (versionNumbers.includes(file.current.number) && !file.isMissing)) return;
    const reportedAtMs = Math.max(...versionNumbers.map((number) => file.confirmedAtMs(number)));
    const limitMs = file.hasFailedSince ? STALE_IF_ERROR_MS + NEGATIVE_TTL_MS : TTL_MS;
    if (this.#run.options.now() - reportedAtMs <= limitMs + SLACK_MS) return;
    throw new ModelError(
      `version ${versionNumbers.join()} was opened, it is ${this.#run.options.now() - reportedAtMs} ms old`,
    );
  }

  checkMetadataFailure(file: SimulatedFile, error: unknown, isAborted: boolean): void {
    const code = codeOf(error);
    if (isAborted) return;
    if (this.#run.isOffline && code === 'NETWORK_UNREACHABLE') return;
    // A short file that is listed is read at its open.
    const scopes = ['metadata', ...file.versions.map(({ number }) => number)] as const;
    if (code !== undefined && scopes.some((scope) => this.#source.excuses(file.url, scope).has(code))) return;
    const isRemembered = this.#run.options.now() - file.missingAtMs <= NEGATIVE_TTL_MS;
    if (code === 'NOT_FOUND' && isRemembered) return;
    throw new ModelError(`an error that nothing explains: ${String(code)}`, { cause: error });
  }
}

export function codeOf(error: unknown): SourceErrorCode | undefined {
  return (error as { code?: SourceErrorCode } | undefined)?.code;
}
