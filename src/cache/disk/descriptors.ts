import { close, fstat, openOwn } from './file-io.js';
import type { FileIdentity } from './index-file.js';

/** A data file that is opened, read-only, when it is used. Belongs to one incarnation of a path: a new file is a new object. */
export class OpenFile {
  readonly path: string;
  fd: number | undefined;
  opening: Promise<number> | undefined;
  /** How often it was opened: after the path was opened again, it may be another file. */
  openings = 0;
  /** Uses in flight, and holders of the descriptor. */
  users = 0;
  /** Of these, the holders. */
  holders = 0;
  isRetired = false;
  readonly onClosed: (() => void)[] = [];

  constructor(path: string) {
    this.path = path;
  }
}

/** The file is no longer part of the store. */
class RetiredError extends Error {
  override readonly name = 'RetiredError';
  readonly code = 'ENOENT';
}

/**
 * Keeps the files open that were used last, at most `maxOpen`. Files whose descriptor was handed out are not
 * counted, and stay open until they are given back.
 */
export class Descriptors {
  readonly #maxOpen: number;
  /** Least recently used first. */
  readonly #open = new Set<OpenFile>();
  #held = 0;

  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  async use<T>(file: OpenFile, work: (fd: number) => Promise<T>): Promise<T> {
    if (file.isRetired) throw new RetiredError(`${file.path} was removed`);
    file.users += 1;
    try {
      return await work(file.fd ?? (await (file.opening ??= this.#openFile(file))));
    } finally {
      this.#unuse(file);
    }
  }

  identityOf(file: OpenFile): Promise<FileIdentity> {
    return this.use(file, async (fd) => {
      const { dev, ino, size, mtimeNs, ctimeNs } = await fstat(fd);
      return { dev, ino, size, mtimeNs, ctimeNs };
    });
  }

  /** Hands out the descriptor, if the file is open now. */
  acquire(file: OpenFile): number | undefined {
    if (file.fd === undefined || file.isRetired) return undefined;
    if (file.holders === 0) this.#held += 1;
    file.holders += 1;
    file.users += 1;
    return file.fd;
  }

  release(file: OpenFile): void {
    file.holders -= 1;
    if (file.holders === 0) this.#held -= 1;
    this.#unuse(file);
  }

  /** Resolves when the file is closed for good: as soon as no operation uses it. */
  async retire(file: OpenFile): Promise<void> {
    file.isRetired = true;
    if (file.users === 0 && file.fd === undefined) return;
    const closed = new Promise<void>((resolve) => file.onClosed.push(resolve));
    if (file.users === 0) this.#close(file);
    await closed;
  }

  /** Closes what no operation uses. */
  async closeIdle(): Promise<void> {
    const idle = [...this.#open].filter((file) => file.users === 0);
    await Promise.all(idle.map((file) => this.retire(file)));
  }

  async #openFile(file: OpenFile): Promise<number> {
    try {
      file.fd = await openOwn(file.path);
      file.openings += 1;
      this.#open.add(file);
      this.#trim();
      return file.fd;
    } finally {
      file.opening = undefined;
    }
  }

  #unuse(file: OpenFile): void {
    file.users -= 1;
    if (file.isRetired && file.users === 0) return this.#close(file);
    if (this.#open.delete(file)) this.#open.add(file);
    this.#trim();
  }

  #trim(): void {
    for (const file of this.#open) {
      if (this.#open.size - this.#held <= this.#maxOpen) return;
      if (file.users === 0) this.#close(file);
    }
  }

  #close(file: OpenFile): void {
    const { fd } = file;
    file.fd = undefined;
    this.#open.delete(file);
    const closed = (): void => {
      for (const resolve of file.onClosed.splice(0)) resolve();
    };
    if (fd === undefined) closed();
    else close(fd).then(closed, closed);
  }
}
