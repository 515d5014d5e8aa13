import { closeSync, openSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { makeAttr } from '../../src/mount/attr.js';
import { FuseOperations } from '../../src/mount/dev-fuse/fuse-operations.js';
import { Journal, type JournalFiles, readJournal } from '../../src/mount/dev-fuse/journal.js';
import { OPCODE, ROOT_ID } from '../../src/mount/dev-fuse/protocol.js';
import { RequestCaller } from '../../src/mount/dev-fuse/request-caller.js';
import { type SavedState, StateJournal, stateOf } from '../../src/mount/dev-fuse/state-journal.js';
import { FailureLog } from '../../src/mount/failure-log.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { errnoNameOf } from './errno-name.js';
import { MEMORY_PLUGINS, type MemoryResources } from './memory-resources.js';

/** Two files that are gone with the test. */
export function journalFiles(t: ExecutionContext): JournalFiles {
  const [first, second] = [0, 1].map((i) => {
    const path = join(tmpdir(), `journal-${process.pid}-${Date.now()}-${Math.random()}-${i}`);
    const fd = openSync(path, 'wx+');
    unlinkSync(path);
    t.teardown(() => closeSync(fd));
    return fd;
  });
  return [first ?? -1, second ?? -1];
}

/** One process that serves resources in memory, and keeps a journal; `request` is what the kernel sends it. */
export class KeptServer {
  readonly operations: FuseOperations;
  readonly vfs: VirtualFs;
  readonly journal: StateJournal;
  /** Of files that the kernel reads by itself, by handle. */
  readonly restored = new Map<number, number>();
  #unique = 1_000;

  /** `state`: of a process before it. */
  constructor(resources: MemoryResources, journal: Journal, state?: SavedState) {
    this.vfs = new VirtualFs({
      cache: resources,
      plugins: MEMORY_PLUGINS,
      ownership: { uid: 0, gid: 0, umask: 0 },
      budget: MetadataBudget.beside(0),
    });
    this.operations = new FuseOperations(
      this.vfs,
      makeAttr('directory', 1, 0, 0, { uid: 0, gid: 0, umask: 0 }),
      new FailureLog(pino({ level: 'silent' })),
      {
        acquire: () => undefined,
        release: () => undefined,
        restore: (_, handle, id) => this.restored.set(handle, id),
      },
      { store: () => 0 },
    );
    if (state !== undefined) {
      this.vfs.kept.resume(0, true);
      this.operations.restore(state);
    }
    this.journal = new StateJournal(journal, this.operations.inodes, state);
    this.operations.record(this.journal);
  }

  /** The payload of the reply, or the name of an errno. */
  async request(
    opcode: number,
    nodeId: number,
    body: Buffer,
    { unique = (this.#unique += 2), isResent = false }: { unique?: number; isResent?: boolean } = {},
  ): Promise<Buffer | string> {
    const request = { opcode, unique, isResent, nodeId, uid: 0, pid: 1, body };
    let answer = Buffer.alloc(0);
    try {
      const reply = (payload: readonly Uint8Array[]): undefined => {
        this.journal.flush();
        answer = Buffer.concat(payload);
      };
      await this.operations.handle(request, new RequestCaller(1, undefined), reply, reply);
    } catch (error) {
      return errnoNameOf(this.operations.errnoOf(request, error));
    }
    return answer;
  }

  /** Looks up each name of a path; the number of the last one, and its inode number. */
  async lookup(path: string): Promise<{ nodeId: number; ino: number }> {
    let found = { nodeId: ROOT_ID, ino: 1 };
    for (const name of path.split('/')) {
      const entry = await this.request(OPCODE.LOOKUP, found.nodeId, Buffer.from(`${name}\0`));
      if (typeof entry === 'string') throw new Error(entry);
      found = { nodeId: Number(entry.readBigUInt64LE(0)), ino: Number(entry.readBigUInt64LE(40)) };
    }
    return found;
  }

  /** Type and permission bits. */
  async modeOf(nodeId: number): Promise<number> {
    const reply = await this.request(OPCODE.GETATTR, nodeId, Buffer.alloc(16));
    if (typeof reply === 'string') throw new Error(reply);
    return reply.readUInt32LE(16 + 60);
  }

  async open(nodeId: number, options = {}): Promise<number> {
    return handleOf(await this.request(OPCODE.OPEN, nodeId, Buffer.alloc(8), options));
  }

  async opendir(nodeId: number, options = {}): Promise<number> {
    return handleOf(await this.request(OPCODE.OPENDIR, nodeId, Buffer.alloc(8), options));
  }

  async read(nodeId: number, handle: number, offset = 0): Promise<string> {
    return (await this.request(OPCODE.READ, nodeId, reading(handle, offset, 1 << 20))).toString();
  }

  /** The names from a place on, in one reply of so many bytes. */
  async readdir(nodeId: number, handle: number, offset = 0, bytes = 1 << 20): Promise<string[]> {
    const reply = await this.request(OPCODE.READDIR, nodeId, reading(handle, offset, bytes));
    return typeof reply === 'string' ? [reply] : namesIn(reply);
  }

  async release(nodeId: number, handle: number): Promise<void> {
    await this.request(OPCODE.RELEASE, nodeId, reading(handle, 0, 0));
  }
}

/** What the next process reads. */
export function nextState(files: JournalFiles): SavedState {
  const found = readJournal(files);
  if (found === undefined) throw new Error('no journal');
  return stateOf(found);
}

export function nextServer(resources: MemoryResources, files: JournalFiles): KeptServer {
  const found = readJournal(files);
  if (found === undefined) throw new Error('no journal');
  return new KeptServer(resources, Journal.resume(files, found), stateOf(found));
}

function handleOf(reply: Buffer | string): number {
  if (typeof reply === 'string') throw new Error(reply);
  return Number(reply.readBigUInt64LE(0));
}

/** `fuse_read_in`, and the beginning of `fuse_release_in`. */
function reading(handle: number, offset: number, size: number): Buffer {
  const body = Buffer.alloc(40);
  body.writeBigUInt64LE(BigInt(handle), 0);
  body.writeBigUInt64LE(BigInt(offset), 8);
  body.writeUInt32LE(size, 16);
  return body;
}

/** Of `fuse_dirent`s. */
export function namesIn(dirents: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at < dirents.length;) {
    const bytes = dirents.readUInt32LE(at + 16);
    names.push(dirents.toString('utf8', at + 24, at + 24 + bytes));
    at += Math.ceil((24 + bytes) / 8) * 8;
  }
  return names;
}
