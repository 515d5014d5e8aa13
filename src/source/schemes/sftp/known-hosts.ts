/** Files of host keys that are trusted (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { codeOf } from '../../../error-code.js';
import { SourceError } from '../../errors.js';

const DEFAULT_PORT = 22;

export interface KnownKey {
  /** `ssh-ed25519`. */
  readonly type: string;
  readonly key: Buffer;
  /** `file:line`. */
  readonly place: string;
}

/** What the files have for one host. */
export interface KnownHost {
  readonly keys: readonly KnownKey[];
  /** Never to be trusted, for whatever they are known. */
  readonly revoked: readonly KnownKey[];
  /** Their keys sign certificates of hosts, and are no keys of hosts. */
  readonly authorities: readonly KnownKey[];
}

interface Line extends KnownKey {
  readonly marker: string | undefined;
  readonly patterns: string;
}

/** A file that does not exist has nothing. */
export async function readKnownHost(
  files: readonly string[],
  host: string,
  port: number,
): Promise<KnownHost> {
  const lines = (await Promise.all(files.map(readLines))).flat();
  const own = find(lines, knownName(host, port));
  if (port === DEFAULT_PORT || own.keys.length > 0) return own;
  // As OpenSSH: the key of the host itself counts for other ports of it, if they have none of their own.
  const plain = find(lines, host);
  return {
    keys: plain.keys,
    revoked: [...own.revoked, ...plain.revoked],
    authorities: [...own.authorities, ...plain.authorities],
  };
}

/** As a host stands in the files. */
export function knownName(host: string, port: number): string {
  return port === DEFAULT_PORT ? host : `[${host}]:${port}`;
}

function find(lines: readonly Line[], name: string): KnownHost {
  const matching = lines.filter(({ patterns }) => matches(patterns, name));
  const having = (marker: string | undefined): Line[] => matching.filter((line) => line.marker === marker);
  return { keys: having(undefined), revoked: having('@revoked'), authorities: having('@cert-authority') };
}

async function readLines(file: string): Promise<Line[]> {
  let text: string;
  try {
    text = await readFile(file, 'latin1');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new SourceError('NOT_CONFIGURED', 'the file of known hosts cannot be read', `file:${file}`, {
      expected: 'a file that can be read',
      found: codeOf(error),
      cause: error,
    });
  }
  return text.split('\n').flatMap((line, i) => parseLine(line, `${file}:${i + 1}`) ?? []);
}

function parseLine(text: string, place: string): Line | undefined {
  const fields = text.trim().split(/[ \t]+/);
  const marker = fields[0]?.startsWith('@') === true ? fields.shift() : undefined;
  const [patterns = '', type = '', base64 = ''] = fields;
  if (patterns === '' || patterns.startsWith('#') || base64 === '') return undefined;
  return { marker, patterns, type, key: Buffer.from(base64, 'base64'), place };
}

function matches(patterns: string, name: string): boolean {
  if (patterns.startsWith('|')) return matchesHash(patterns, name);
  const parts = patterns.split(',');
  const isExcluded = parts.some((part) => part.startsWith('!') && matchesPattern(part.slice(1), name));
  return !isExcluded && parts.some((part) => !part.startsWith('!') && matchesPattern(part, name));
}

/** `|1|salt|HMAC-SHA1 of the name`. */
function matchesHash(hashed: string, name: string): boolean {
  const [, version, salt = '', hash = ''] = hashed.split('|');
  if (version !== '1') return false;
  const expected = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === found.length && timingSafeEqual(expected, found);
}

/** `*` and `?`. Compared step by step: an expression could take for ever. */
function matchesPattern(pattern: string, given: string): boolean {
  const [wanted, name] = [pattern.toLowerCase(), given.toLowerCase()];
  let [at, star, from] = [0, -1, 0];
  for (let i = 0; i < name.length;) {
    if (wanted[at] === '*') {
      star = at;
      from = i;
      at += 1;
    } else if (wanted[at] === '?' || wanted[at] === name[i]) {
      at += 1;
      i += 1;
    } else if (star >= 0) {
      at = star + 1;
      from += 1;
      i = from;
    } else {
      return false;
    }
  }
  return /^\**$/.test(wanted.slice(at));
}
