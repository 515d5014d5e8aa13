import { constants } from 'node:fs';

import { pino } from 'pino';

import { makeAttr } from '../../src/mount/attr.js';
import { FuseOperations } from '../../src/mount/dev-fuse/fuse-operations.js';
import { OPCODE, ROOT_ID } from '../../src/mount/dev-fuse/protocol.js';
import { RequestCaller } from '../../src/mount/dev-fuse/request-caller.js';
import { FailureLog } from '../../src/mount/failure-log.js';
import type { VirtualFs } from '../../src/mount/virtual-fs.js';
import { errnoNameOf } from './errno-name.js';

/** A system call ended with this errno, `ENOENT` for example. */
export class SystemCallError extends Error {
  readonly errno: string;

  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

interface Facts {
  readonly isDirectory: boolean;
  readonly sizeBytes: number;
  /** The bits below the type. */
  readonly permissions: number;
}

interface Found extends Facts {
  readonly nodeId: number;
}

type Use<Result> = (found: Found) => Promise<Result>;

const ENTRY_ATTR_AT = 40;
const ATTR_SIZE_AT = 8;
const ATTR_MODE_AT = 60;
const MODE_DIRECTORY = 0o040000;
const MODE_TYPE = 0o170000;

/**
 * Walks paths and makes requests as Linux does: each name is looked up, of the last one not knowing that it is the
 * last; the type in the reply decides the next request; ESTALE repeats the walk once. It keeps nothing.
 */
export class FakeKernel {
  readonly operations: FuseOperations;
  /** Runs between the two walks. */
  beforeRetry: () => Promise<void> | void = () => undefined;
  readonly #checksPermissions: boolean;
  #unique = 0;

  /** `checksPermissions`: as with `default_permissions`, each name that is walked through, or used, gets a GETATTR before. */
  constructor(vfs: VirtualFs, checksPermissions = false) {
    this.#checksPermissions = checksPermissions;
    const root = makeAttr('directory', 1, 0, 0, { uid: 0, gid: 0, umask: 0 });
    this.operations = new FuseOperations(
      vfs,
      root,
      new FailureLog(pino({ level: 'silent' })),
      { acquire: () => undefined, release: () => undefined, restore: () => undefined },
      { store: () => 0 },
    );
  }

  /** `open(path, O_RDONLY)`, and up to 1 MiB of what is in it. */
  async read(path: string, pid = 1, offset = 0): Promise<string> {
    return await this.#at(path, pid, async ({ nodeId, isDirectory }) => {
      if (isDirectory) {
        await this.#request(OPCODE.OPENDIR, nodeId, word(0), pid);
        throw new SystemCallError('EISDIR');
      }
      const opened = await this.#request(OPCODE.OPEN, nodeId, word(0), pid);
      const handle = opened.subarray(0, 8);
      const room = Buffer.alloc(40);
      handle.copy(room);
      room.writeBigUInt64LE(BigInt(offset), 8);
      room.writeUInt32LE(1 << 20, 16);
      const content = await this.#request(OPCODE.READ, nodeId, room, pid);
      await this.#request(OPCODE.RELEASE, nodeId, Buffer.concat([handle, Buffer.alloc(16)]), pid);
      return content.toString();
    });
  }

  /** `open(path, O_RDWR | O_CREAT)`: decided by what the name was looked up as. */
  async openToWrite(path: string, pid = 1): Promise<void> {
    await this.#at(path, pid, ({ isDirectory }) => {
      throw new SystemCallError(isDirectory ? 'EISDIR' : 'EROFS');
    });
  }

  /** `open(path, O_CREAT | O_EXCL)`. */
  async create(path: string, pid = 1): Promise<void> {
    try {
      await this.#at(path, pid, () => Promise.reject(new SystemCallError('EEXIST')));
    } catch (error) {
      throw new SystemCallError(errnoOf(error) === 'ENOENT' ? 'EROFS' : errnoOf(error));
    }
  }

  async stat(path: string, pid = 1): Promise<Facts> {
    return await this.#at(path, pid, async ({ nodeId }) => {
      const answer = await this.#request(OPCODE.GETATTR, nodeId, Buffer.alloc(16), pid);
      return factsOf(answer, 16);
    });
  }

  async access(path: string, mode: number, pid = 1): Promise<void> {
    await this.#at(path, pid, ({ nodeId }) => this.#request(OPCODE.ACCESS, nodeId, word(mode), pid));
  }

  /** Returns the node of the working directory. */
  async chdir(path: string, pid = 1): Promise<number> {
    return await this.#at(path, pid, async ({ nodeId, isDirectory }) => {
      if (!isDirectory) throw new SystemCallError('ENOTDIR');
      await this.#request(OPCODE.ACCESS, nodeId, word(constants.X_OK), pid);
      return nodeId;
    });
  }

  /** `open(path, O_DIRECTORY)`; returns the node. */
  async openDirectory(path: string, pid = 1): Promise<number> {
    return await this.#at(path, pid, async ({ nodeId, isDirectory }) => {
      if (!isDirectory) throw new SystemCallError('ENOTDIR');
      await this.#request(OPCODE.OPENDIR, nodeId, word(constants.O_DIRECTORY), pid);
      return nodeId;
    });
  }

  /** `fstat` of a descriptor, of a directory or opened with O_PATH: nothing is looked up, nor retried. */
  async fstat(nodeId: number, pid = 1): Promise<Facts> {
    return factsOf(await this.#request(OPCODE.GETATTR, nodeId, Buffer.alloc(16), pid), 16);
  }

  /** `stat(".")` and `open(".", O_RDONLY)`: the retry does not look anything up. */
  async useWorkingDirectory(nodeId: number, pid = 1): Promise<{ isDirectory: boolean }> {
    const retried = async <Result>(use: () => Promise<Result>): Promise<Result> => {
      try {
        return await use();
      } catch (error) {
        if (errnoOf(error) !== 'ESTALE') throw error;
        return await use();
      }
    };
    const opened = await retried(() => this.#request(OPCODE.OPENDIR, nodeId, word(0), pid));
    await this.#request(OPCODE.RELEASEDIR, nodeId, opened, pid);
    return await retried(() => this.fstat(nodeId, pid));
  }

  async getxattr(path: string, name: string, pid = 1): Promise<string> {
    const body = Buffer.concat([word(1000), Buffer.from(`${name}\0`)]);
    return await this.#at(path, pid, async ({ nodeId }) =>
      (await this.#request(OPCODE.GETXATTR, nodeId, body, pid)).toString(),
    );
  }

  async statfs(path: string, pid = 1): Promise<void> {
    await this.#at(path, pid, ({ nodeId }) => this.#request(OPCODE.STATFS, nodeId, Buffer.alloc(0), pid));
  }

  /** `open(path, O_DIRECTORY)`, and the names in it. */
  async list(path: string, pid = 1): Promise<string[]> {
    return await this.#at(path, pid, async ({ nodeId, isDirectory }) => {
      if (!isDirectory) throw new SystemCallError('ENOTDIR');
      const opened = await this.#request(OPCODE.OPENDIR, nodeId, word(constants.O_DIRECTORY), pid);
      const room = Buffer.alloc(40);
      opened.copy(room, 0, 0, 8);
      room.writeUInt32LE(1 << 20, 16);
      const names: string[] = [];
      try {
        for (let offset = 0n; ;) {
          room.writeBigUInt64LE(offset, 8);
          const found = namesIn(await this.#request(OPCODE.READDIR, nodeId, room, pid));
          if (found.names.length === 0) return names.filter((name) => name !== '.' && name !== '..');
          names.push(...found.names);
          offset = found.endOffset;
        }
      } finally {
        await this.#request(OPCODE.RELEASEDIR, nodeId, opened, pid);
      }
    });
  }

  /** What a LOOKUP of the last name of a path answers: its node and type, and for how long the kernel keeps the name. */
  async lookup(
    path: string,
    pid = 1,
  ): Promise<Facts & { nodeId: number; isMissing: boolean; nameTtlMs: number }> {
    const names = path.split('/');
    const last = names.pop() ?? '';
    const parent = await this.#walk(names, pid);
    const entry = await this.#request(OPCODE.LOOKUP, parent.nodeId, Buffer.from(`${last}\0`), pid);
    const nameTtlMs = Number(entry.readBigUInt64LE(16)) * 1000 + entry.readUInt32LE(32) / 1e6;
    const nodeId = Number(entry.readBigUInt64LE(0));
    return { ...factsOf(entry, ENTRY_ATTR_AT), nodeId, isMissing: nodeId === 0, nameTtlMs };
  }

  async #at<Result>(path: string, pid: number, use: Use<Result>): Promise<Result> {
    try {
      return await use(await this.#walk(path.split('/'), pid));
    } catch (error) {
      if (errnoOf(error) !== 'ESTALE') throw error;
    }
    await this.beforeRetry();
    return await use(await this.#walk(path.split('/'), pid, true));
  }

  /** A name that has become something else is looked up once more. */
  async #walk(names: readonly string[], pid: number, isRetry = false): Promise<Found> {
    let found: Found = { nodeId: ROOT_ID, isDirectory: true, sizeBytes: 0, permissions: 0o555 };
    for (const name of names) {
      if (!found.isDirectory) throw new SystemCallError('ENOTDIR');
      const parent = found.nodeId;
      found = await this.#lookup(parent, name, pid);
      if (isRetry) found = await this.#lookup(parent, name, pid);
      if (this.#checksPermissions) await this.fstat(found.nodeId, pid);
    }
    return found;
  }

  async #lookup(parent: number, name: string, pid: number): Promise<Found> {
    const entry = await this.#request(OPCODE.LOOKUP, parent, Buffer.from(`${name}\0`), pid);
    const nodeId = Number(entry.readBigUInt64LE(0));
    if (nodeId === 0) throw new SystemCallError('ENOENT');
    return { nodeId, ...factsOf(entry, ENTRY_ATTR_AT) };
  }

  async #request(opcode: number, nodeId: number, given: Buffer, pid: number): Promise<Buffer> {
    this.#unique += 1;
    const body = Buffer.from(given);
    const request = { opcode, unique: this.#unique, isResent: false, nodeId, uid: 0, pid, body };
    let answer = Buffer.alloc(0);
    try {
      const reply = (payload: readonly Uint8Array[]): undefined => {
        answer = Buffer.concat(payload);
      };
      const handled = this.operations.handle(request, new RequestCaller(pid, undefined), reply, reply);
      // Its memory is that of the next request.
      body.fill(0x38);
      await handled;
    } catch (error) {
      throw new SystemCallError(errnoNameOf(this.operations.errnoOf(request, error)));
    }
    return answer;
  }
}

function errnoOf(error: unknown): string {
  return error instanceof SystemCallError ? error.errno : String(error);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  return bytes;
}

function factsOf(answer: Buffer, attrAt: number): Facts {
  const mode = answer.readUInt32LE(attrAt + ATTR_MODE_AT);
  return {
    isDirectory: (mode & MODE_TYPE) === MODE_DIRECTORY,
    sizeBytes: Number(answer.readBigUInt64LE(attrAt + ATTR_SIZE_AT)),
    permissions: mode & ~MODE_TYPE,
  };
}

/** Of `fuse_dirent`s. */
function namesIn(dirents: Buffer): { names: string[]; endOffset: bigint } {
  const names: string[] = [];
  let endOffset = 0n;
  for (let at = 0; at < dirents.length;) {
    const bytes = dirents.readUInt32LE(at + 16);
    names.push(dirents.toString('utf8', at + 24, at + 24 + bytes));
    endOffset = dirents.readBigUInt64LE(at + 8);
    at += Math.ceil((24 + bytes) / 8) * 8;
  }
  return { names, endOffset };
}
