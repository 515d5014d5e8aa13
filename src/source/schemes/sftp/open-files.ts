import { ChangedError, IsDirectoryError, NotFoundError } from '../../errors.js';
import type { Request } from '../../request.js';
import { type FileVersion, matchesPin, pinnedVersion, shownVersion } from './file-version.js';
import type { SftpChannel } from './sftp-channel.js';

/** Reads of one file follow each other; a file that stays open here is in use at the server. */
const IDLE_MS = 5_000;
/** Servers allow 100 and more. */
const MAX_IDLE = 16;

/** A file that is open at the server. */
export interface OpenFile {
  readonly handle: Buffer;
  /** As which it was opened: whether it is that version is to be looked at with the handle. */
  readonly version: FileVersion;
  /** `isAnother`: it is not that version, and is not to be used again. */
  readonly release: (isAnother?: boolean) => void;
}

interface Kept {
  readonly key: string;
  readonly handle: Buffer;
  readonly version: FileVersion;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

/** The open files of a session. A handle is kept for a moment, so that each range of a file does not open it anew. */
export class OpenFiles {
  readonly #channel: SftpChannel;
  /** By path; of several that are open, the last one. */
  readonly #kept = new Map<string, Kept>();
  readonly #idle = new Set<Kept>();

  constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  /** May throw `ChangedError` if it is not the version that the request is pinned to. */
  async open(path: Buffer, { url, pin }: Pick<Request, 'url' | 'pin'>): Promise<OpenFile> {
    const key = path.toString('latin1');
    const known = this.#kept.get(key);
    // Without a pin the version of now is wanted, and the name may be another file's by now.
    if (known !== undefined && pin !== undefined && matchesPin(known.version, pin)) return this.#use(known);
    const opened = { key, ...(await this.#openAnew(path, url, pin)), users: 0, idle: undefined };
    const before = this.#kept.get(key);
    this.#kept.set(key, opened);
    if (before?.users === 0) this.#close(before);
    return this.#use(opened);
  }

  async #openAnew(path: Buffer, url: URL, pin: Request['pin']): Promise<Pick<Kept, 'handle' | 'version'>> {
    let version: FileVersion | undefined = pinnedVersion(pin);
    if (version === undefined) {
      // An open of a pipe waits for its writer: what is not known to be a file is looked at first.
      version = await this.#channel.stat(path);
      checkReadable(version, url, pin);
    }
    return { handle: await this.#channel.open(path), version };
  }

  #use(kept: Kept): OpenFile {
    clearTimeout(kept.idle);
    this.#idle.delete(kept);
    kept.users += 1;
    let isUsed = true;
    return {
      handle: kept.handle,
      version: kept.version,
      release: (isAnother = false) => {
        if (!isUsed) return;
        isUsed = false;
        if (isAnother && this.#kept.get(kept.key) === kept) this.#kept.delete(kept.key);
        kept.users -= 1;
        if (kept.users === 0) this.#rest(kept);
      },
    };
  }

  #rest(kept: Kept): void {
    if (this.#kept.get(kept.key) !== kept) {
      this.#close(kept);
      return;
    }
    this.#idle.add(kept);
    kept.idle = setTimeout(() => this.#close(kept), IDLE_MS).unref();
    const [oldest] = this.#idle;
    if (this.#idle.size > MAX_IDLE && oldest !== undefined) this.#close(oldest);
  }

  #close(kept: Kept): void {
    clearTimeout(kept.idle);
    this.#idle.delete(kept);
    if (this.#kept.get(kept.key) === kept) this.#kept.delete(kept.key);
    this.#channel.close(kept.handle);
  }
}

function checkReadable(attributes: FileVersion, url: URL, pin: Request['pin']): void {
  if (attributes.kind === 'directory') throw new IsDirectoryError(url);
  if (attributes.kind !== 'file')
    throw new NotFoundError(url, { expected: 'a file', found: 'a device, pipe or socket' });
  if (matchesPin(attributes, pin)) return;
  throw new ChangedError(url, {
    expected: pin?.etag ?? 'the version that was opened',
    found: shownVersion(attributes),
  });
}
