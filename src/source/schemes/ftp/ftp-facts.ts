/** The machine-readable forms: facts of MLST and MLSD, times, sizes (RFC 3659). */
import type { FtpStat } from './ftp-stat.js';

export interface Facts {
  readonly kind: 'file' | 'directory' | 'link' | 'self' | 'other';
  readonly stat: FtpStat;
  readonly name: string;
  /** The server is ProFTPD, whose MLST has size and time of a link itself, and calls it a file. */
  readonly isProftpd: boolean;
}

const UNIQUE = /^[\x21\x23-\x7e]{1,64}$/;
/** Device and inode, as ProFTPD writes them. */
const PROFTPD_UNIQUE = /^[0-9A-F]+U[0-9A-F]+$/;

/** Of a line of MLSD: `type=file;size=3; name`. Undefined: it is none. */
export function parseFacts(line: string): Facts | undefined {
  const at = line.indexOf(' ');
  if (at === -1) return undefined;
  const facts = new Map<string, string>();
  for (const fact of line.slice(0, at).split(';')) {
    const equals = fact.indexOf('=');
    if (equals > 0) facts.set(fact.slice(0, equals).toLowerCase(), fact.slice(equals + 1));
  }
  const kind = kindOf(facts.get('type'));
  if (kind === undefined) return undefined;
  const unique = facts.get('unique') ?? '';
  const isProftpd = PROFTPD_UNIQUE.test(unique);
  const isDirectory = kind === 'directory' || kind === 'self';
  const stat: FtpStat = {
    isDirectory,
    size: isDirectory ? undefined : parseSize(facts.get('size')),
    modifiedMs: parseTime(facts.get('modify')),
    // Of a directory, too.
    mode: isProftpd && isDirectory ? undefined : parseMode(facts.get('unix.mode')),
    // What is read by SIZE and MDTM has none.
    ...(!isProftpd && UNIQUE.test(unique) && { unique }),
  };
  return { kind, stat, name: line.slice(at + 1), isProftpd };
}

/** The answer to MLST has the facts in a line that begins with a space (RFC 3659, 7.3). */
export function parseStatReply(text: string): Facts | undefined {
  const line = text.split('\n').find((one) => one.startsWith(' '));
  return line === undefined ? undefined : parseFacts(line.slice(1));
}

function kindOf(type: string | undefined): Facts['kind'] | undefined {
  switch (type?.toLowerCase()) {
    case undefined:
      return undefined;
    case 'file':
      return 'file';
    case 'dir':
      return 'directory';
    case 'cdir':
    case 'pdir':
      return 'self';
    default:
      return /^os\.unix=s(ym)?link/i.test(type ?? '') ? 'link' : 'other';
  }
}

export function parseSize(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** `0755`, as ProFTPD and Pure-FTPd write it, and `0o755` of pyftpdlib. Not in RFC 3659. */
function parseMode(text: string | undefined): number | undefined {
  const digits = /^(?:0o)?([0-7]{1,5})$/.exec(text ?? '')?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

/** `YYYYMMDDHHMMSS[.sss]` in UTC (RFC 3659, 2.3), to the second. */
export function parseTime(text: string | undefined): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?$/.exec(text ?? '');
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}
