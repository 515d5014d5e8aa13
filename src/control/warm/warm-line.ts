import { redactUrl } from '../../source/index.js';
import type { WarmReport } from './warm-options.js';

/** As it is shown: `docs/OPERATING.md` has the names. */
export interface WarmLine {
  readonly job: number;
  readonly state: WarmReport['state'];
  readonly done_bytes: number;
  readonly total_bytes: number;
  readonly fetched_bytes: number;
  readonly files: number;
  readonly total_files: number;
  readonly failed: number;
  readonly listed: boolean;
  readonly seconds: number;
  readonly background: boolean;
  readonly error?: { readonly code: string; readonly message: string };
  readonly last_failure?: { readonly url: string; readonly code: string; readonly message: string };
}

export function warmLine(report: WarmReport, nowMs = Date.now()): WarmLine {
  const { error, lastFailure, startedAtMs, endedAtMs = nowMs } = report;
  return {
    job: report.job,
    state: report.state,
    done_bytes: report.doneBytes,
    total_bytes: report.totalBytes,
    fetched_bytes: report.fetchedBytes,
    files: report.files,
    total_files: report.totalFiles,
    failed: report.failed,
    listed: report.isListed,
    seconds: (endedAtMs - startedAtMs) / 1000,
    background: report.isBackground,
    ...(error === undefined ? {} : { error }),
    ...(lastFailure === undefined
      ? {}
      : { last_failure: { ...lastFailure, url: redactUrl(lastFailure.url) } }),
  };
}
