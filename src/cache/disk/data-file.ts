import { withResolvers } from '../../with-resolvers.js';
import { close, fstat, openOwn } from './file-io.js';
import { type FileState, stateOf } from './index-file.js';

/** Files that are open and not in use, least recently used first: of more than `max` the first is closed. */
export interface IdleFiles {
  readonly max: number;
  readonly files: Set<DataFile>;
}

/** The file is no longer part of the store. */
class RetiredError extends Error {
  override readonly name = 'RetiredError';
  readonly code = 'ENOENT';
}

/** A data file that is opened, read-only, when it is used, and closed when it is retired. */
export class DataFile {
  readonly #path: string;
  readonly #idle: IdleFiles;
  readonly #closed = withResolvers<void>();
  #fd: number | undefined;
  #opening: Promise<number> | undefined;
  /** Uses in flight, and holders of the descriptor. */
  #users = 0;
  #holders = 0;
  #isRetired = false;
  /** How often it was opened: after the path was opened again, it may be another file. */
  openings = 0;

  constructor(path: string, idle: IdleFiles) {
    this.#path = path;
    this.#idle = idle;
  }

  /** The descriptor was handed out. */
  get isHeld(): boolean {
    return this.#holders > 0;
  }

  async use<T>(work: (fd: number) => Promise<T>): Promise<T> {
    if (this.#isRetired) throw new RetiredError(`${this.#path} was removed`);
    this.#use();
    try {
      return await work(this.#fd ?? (await (this.#opening ??= this.#openFile())));
    } finally {
      this.#unuse();
    }
  }

  state(): Promise<FileState> {
    return this.use(async (fd) => stateOf(await fstat(fd)));
  }

  /** Undefined: it is closed. */
  get fd(): number | undefined {
    return this.#fd;
  }

  /** The descriptor is handed out, and stays open until `release`. False: the file is closed. */
  acquire(): boolean {
    if (this.#fd === undefined || this.#isRetired) return false;
    this.#holders += 1;
    this.#use();
    return true;
  }

  release(): void {
    this.#holders -= 1;
    this.#unuse();
  }

  /** No use begins any more. Resolves when the file is closed: as soon as nothing uses it. */
  retire(): Promise<void> {
    this.#isRetired = true;
    if (this.#users === 0) this.#close();
    return this.#closed.promise;
  }

  async #openFile(): Promise<number> {
    try {
      this.#fd = await openOwn(this.#path);
      this.openings += 1;
      return this.#fd;
    } finally {
      this.#opening = undefined;
    }
  }

  #use(): void {
    this.#users += 1;
    this.#idle.files.delete(this);
  }

  #unuse(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (this.#isRetired) return this.#close();
    const { files, max } = this.#idle;
    files.add(this);
    const [first] = files;
    if (first !== undefined && files.size > max) first.#close();
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    this.#idle.files.delete(this);
    const closed = (): void => {
      if (this.#isRetired) this.#closed.resolve();
    };
    if (fd === undefined) closed();
    else close(fd).then(closed, closed);
  }
}
