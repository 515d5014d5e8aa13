/** The files of a cluster, by path. A file that replaces another has an id of its own; one that is appended to keeps it. */
export interface Inode {
  readonly id: number;
  readonly kind: 'FILE' | 'DIRECTORY';
  bytes: Buffer;
  modifiedMs: number;
  /** Permission bits. */
  mode: number;
  readonly children: Map<string, Inode>;
}

export class Inodes {
  #lastId = 16_384;
  readonly root: Inode = this.#inode('DIRECTORY');

  put(path: string, content: Uint8Array | string, modifiedMs = Date.now()): void {
    const names = path.split('/').filter((name) => name !== '');
    const name = names.pop() ?? '';
    let directory = this.root;
    for (const step of names) {
      const next = directory.children.get(step) ?? this.#inode('DIRECTORY');
      directory.children.set(step, next);
      directory = next;
    }
    const file = this.#inode('FILE');
    file.bytes = Buffer.from(content);
    file.modifiedMs = modifiedMs;
    directory.children.set(name, file);
    directory.modifiedMs = modifiedMs;
  }

  append(path: string, content: string): void {
    const file = this.get(path);
    if (file === undefined) throw new Error(`no ${path}`);
    file.bytes = Buffer.concat([file.bytes, Buffer.from(content)]);
    file.modifiedMs = Date.now();
  }

  chmod(path: string, mode: number): void {
    const found = this.get(path);
    if (found === undefined) throw new Error(`no ${path}`);
    found.mode = mode;
  }

  remove(path: string): void {
    const slash = path.lastIndexOf('/');
    this.get(path.slice(0, slash))?.children.delete(path.slice(slash + 1));
  }

  /** `not a directory`: what is above it is a file. */
  find(path: string): Inode | 'missing' | 'not a directory' {
    let found = this.root;
    for (const name of path.split('/').filter((step) => step !== '')) {
      if (found.kind === 'FILE') return 'not a directory';
      const next = found.children.get(name);
      if (next === undefined) return 'missing';
      found = next;
    }
    return found;
  }

  get(path: string): Inode | undefined {
    const found = this.find(path);
    return typeof found === 'string' ? undefined : found;
  }

  #inode(kind: Inode['kind']): Inode {
    this.#lastId += 1;
    const mode = kind === 'FILE' ? 0o644 : 0o755;
    const facts = { bytes: Buffer.alloc(0), modifiedMs: Date.now(), mode };
    return { id: this.#lastId, kind, ...facts, children: new Map() };
  }
}
