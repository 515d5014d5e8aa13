import type { Plan } from './plan.js';
import type { StampedFile } from './stamped-file.js';

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly url?: string;
  readonly code?: string;
  readonly err?: { readonly url?: string; readonly code?: string };
}

interface Facts extends Plan {
  readonly isOffline: boolean;
  readonly files: ReadonlyMap<string, StampedFile>;
}

/** Whether a line of the log is no more than was done to the mount. */
export function isExpected(line: string, { disk, killsMounts, isOffline, files }: Facts): boolean {
  if (!line.startsWith('{')) return false;
  const { level, msg, err, ...rest } = JSON.parse(line) as LogLine;
  const { url = '', code } = err?.url === undefined ? rest : err;
  if (level < 40) return true;
  if (level > 40) return false;
  if (msg.startsWith('disk cache: ')) return ['full', 'readonly', 'removed'].includes(disk);
  if (killsMounts && /goes on with|is followed/.test(msg)) return true;
  if (msg.startsWith('very many failures')) return true;
  const file = files.get(url.split('/').at(-1) ?? '');
  if (file === undefined) return false;
  if (isOffline && code === 'NETWORK_UNREACHABLE') return true;
  if (code === 'PROTOCOL' && file.periodSeconds > 0 && file.validator === 'none') return true;
  if (code === 'CHANGED' && (file.periodSeconds > 0 || killsMounts)) return true;
  return !['calm', 'slow', 'closes'].includes(file.fault);
}
