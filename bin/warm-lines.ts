/** `d7y-mount warm`, for people. */
import type { WarmLine } from '../src/control/warm/warm-line.js';
import { byteAmount } from './byte-amount.js';

/** The rate is that of the last seconds. */
const RATE_SPAN_SECONDS = 5;

/** A line for a terminal, from one report to the next. */
export class WarmProgress {
  readonly #seen: { readonly seconds: number; readonly bytes: number }[] = [];

  line(report: WarmLine, columns: number): string {
    const { done_bytes: done, total_bytes: total, listed, files, total_files: totalFiles, failed } = report;
    const perSecond = this.#bytesPerSecond(report);
    const more = listed ? '' : '+';
    const parts = [
      ...(listed && total > 0 ? [`${Math.floor((Math.min(done, total) / total) * 100)} %`] : []),
      `${byteAmount(done)} of ${byteAmount(total)}${more}`,
      `${files} of ${totalFiles}${more} files`,
      `${byteAmount(Math.round(perSecond))}/s`,
      ...(listed && perSecond > 0 ? [`${duration((total - done) / perSecond)} left`] : []),
      ...(failed > 0 ? [`${failed} failed`] : []),
    ];
    return parts.join('  ').slice(0, Math.max(1, columns - 1));
  }

  #bytesPerSecond({ seconds, done_bytes: bytes }: WarmLine): number {
    this.#seen.push({ seconds, bytes });
    while ((this.#seen[1]?.seconds ?? seconds) <= seconds - RATE_SPAN_SECONDS) this.#seen.shift();
    const [first = { seconds, bytes }] = this.#seen;
    return Math.max(0, bytes - first.bytes) / Math.max(0.25, seconds - first.seconds);
  }
}

/** What a job has come to. */
export function warmSummary(report: WarmLine, isCheck: boolean): string {
  const { files, total_files: totalFiles, done_bytes: done, total_bytes: total, failed, error } = report;
  const problems = failed > 0 ? `; ${failed} failed` : '';
  if (isCheck) {
    return `${files} of ${totalFiles} files, ${byteAmount(done)} of ${byteAmount(total)} are in the disk cache${problems}`;
  }
  const brought = `${files} of ${totalFiles} files, ${byteAmount(done)}, of which ${byteAmount(report.fetched_bytes)} were fetched in ${duration(report.seconds)}`;
  const state = { running: 'goes on', done: 'warmed', cancelled: 'cancelled', failed: 'ended early' }[
    report.state
  ];
  const reason = error === undefined ? '' : `\n${error.message}`;
  return `${state}: ${brought}${problems}${reason}`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), String(whole % 60).padStart(2, '0')];
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}
