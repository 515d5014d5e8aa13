/**
 * What each opcode does, in terms of `VirtualFs` and the inode table.
 *
 * An inode of a file is one version of it. An operation that finds another version at the source fails with ESTALE, upon
 * which the kernel looks the path up again and gets the new inode; an open file keeps its version.
 */
import { constants as osConstants } from 'node:os';
import { constants } from 'node:fs';

import type { AccessedPlace } from '../access-log.js';
import type { Attr } from '../attr.js';
import type { Awaitable } from '../../awaitable.js';
import type { Caller } from '../caller.js';
import type { Entry } from '../entry.js';
import { errnoOf, type Purpose } from '../errno.js';
import type { FailureLog } from '../failure-log.js';
import { FsError, MissingNameError } from '../fs-error.js';
import { MountActivity } from '../mount-activity.js';
import { isDirectory, pathOf } from '../node.js';
import { NAME_MAX_BYTES } from '../path-name.js';
import type { VirtualFs } from '../virtual-fs.js';
import type { BackingFiles } from './backing-files.js';
import { ReaddirReplies, type Reading } from './readdir-replies.js';
import type { Reply, ReplyWithContent, RequestHandler } from './fuse-session.js';
import { type Inode, InodeTable } from './inode-table.js';
import type { KernelPages } from './kernel-pages.js';
import { HandleReads } from './handle-reads.js';
import { placeOf } from './place-of.js';
import { FOPEN, OPCODE, operationName } from './protocol.js';
import { restoreState } from './restore-state.js';
import type { SavedState, StateJournal } from './state-journal.js';
import type { RequestCaller } from './request-caller.js';
import {
  encodeAttr,
  encodeEntry,
  encodeMissing,
  encodeOpen,
  encodeStatfs,
  encodeXattrSize,
} from './reply-codec.js';
import {
  decodeFlags,
  decodeGetxattr,
  decodeName,
  decodeRead,
  decodeHandle,
  decodeXattrSize,
  type Forget,
  type FuseRequest,
  MalformedRequestError,
} from './request-codec.js';

type Payload = readonly Uint8Array[];
type Operation = (request: FuseRequest, caller: Caller) => Awaitable<Payload>;

/** For how long the kernel may keep the attributes of what never changes by itself. */
const FIXED_TTL_MS = 60_000;

export class FuseOperations implements RequestHandler {
  readonly inodes: InodeTable;
  readonly #vfs: VirtualFs;
  readonly #failures: FailureLog;
  readonly #backing: Pick<BackingFiles, 'acquire' | 'release' | 'restore'>;
  readonly #pages: Pick<KernelPages, 'store'>;
  readonly #activity: MountActivity;
  readonly #directories: ReaddirReplies;
  readonly #reads = new HandleReads();
  readonly #operations: ReadonlyMap<number, Operation>;
  #journal: StateJournal | undefined;
  /** By the request that opened them: the replies of an earlier process, which the kernel may not have got. */
  #replies = new Map<number, Uint8Array>();

  constructor(
    vfs: VirtualFs,
    rootAttr: Attr,
    failures: FailureLog,
    backing: Pick<BackingFiles, 'acquire' | 'release' | 'restore'>,
    pages: Pick<KernelPages, 'store'>,
    activity = new MountActivity(),
  ) {
    this.#vfs = vfs;
    this.#failures = failures;
    this.#backing = backing;
    this.#pages = pages;
    this.#activity = activity;
    this.inodes = new InodeTable(vfs.root, rootAttr, vfs.budget);
    activity.countInodes = () => this.inodes.size;
    vfs.inKernel = (identity) => this.inodes.generationsOf(identity);
    this.#directories = new ReaddirReplies(vfs, this.inodes);
    this.#operations = new Map<number, Operation>([
      [OPCODE.LOOKUP, (request, caller) => this.#lookup(request, decodeName(request.body), caller)],
      [OPCODE.GETATTR, (request, caller) => this.#getattr(request, caller)],
      [OPCODE.ACCESS, (request, caller) => this.#access(request, caller)],
      [OPCODE.OPEN, (request, caller) => this.#open(request, caller)],
      [OPCODE.FLUSH, (request, caller) => this.#flush(request, caller)],
      [OPCODE.RELEASE, (request) => this.#release(request)],
      [OPCODE.OPENDIR, (request, caller) => this.#opendir(request, decodeFlags(request.body), caller)],
      [OPCODE.RELEASEDIR, (request) => this.#releasedir(request)],
      [OPCODE.STATFS, (request, caller) => this.#statfs(request, caller)],
      [OPCODE.GETXATTR, (request, caller) => this.#getxattr(request, decodeGetxattr(request.body), caller)],
      [OPCODE.LISTXATTR, (request, caller) => this.#listxattr(request, caller)],
    ]);
  }

  /** Writes what the kernel holds from now on to a journal. */
  record(journal: StateJournal): void {
    this.#journal = journal;
    this.inodes.onReferred = (inode, isWhole) => journal.referred(inode, isWhole);
    this.inodes.onForgotten = (id, lookups) => journal.forgot(id, lookups);
    this.#vfs.kept.onIntent = (caller, url) => journal.intended(caller, url);
  }

  /** What the kernel holds by an earlier process. */
  restore(state: SavedState): void {
    this.#replies = restoreState(state, { vfs: this.#vfs, inodes: this.inodes, backing: this.#backing });
  }

  handle(
    request: FuseRequest,
    caller: RequestCaller,
    reply: Reply,
    replyWithContent: ReplyWithContent,
  ): Promise<void> | boolean {
    // The kernel sends those once more before all others.
    if (this.#replies.size > 0 && !request.isResent) this.#replies.clear();
    switch (request.opcode) {
      // Their replies are in memory that is reused.
      case OPCODE.READ:
        return this.#read(decodeRead(request.body), caller, replyWithContent);
      case OPCODE.READDIR:
      case OPCODE.READDIRPLUS:
        return this.#readdir(request, decodeRead(request.body), caller, reply);
    }
    const operation = this.#operations.get(request.opcode);
    if (operation === undefined) return false;
    const payload = operation(request, caller);
    if (payload instanceof Promise) return payload.then(reply);
    reply(payload);
    return true;
  }

  forget({ nodeId, lookups }: Forget): void {
    this.inodes.forget(nodeId, lookups);
  }

  errnoOf(request: FuseRequest, error: unknown): number {
    if (error instanceof MalformedRequestError) return osConstants.errno.EIO;
    const purpose: Purpose = request.opcode === OPCODE.READ ? 'data' : 'attributes';
    this.#failures.note(operationName(request.opcode), this.#pathOf(request.nodeId), error, purpose);
    return errnoOf(error, purpose);
  }

  placeOf(request: FuseRequest): AccessedPlace | undefined {
    try {
      return placeOf(request, this.inodes.get(request.nodeId).node);
    } catch {
      return { path: `node ${request.nodeId}` };
    }
  }

  #lookup({ nodeId }: FuseRequest, name: string, caller: Caller): Awaitable<Payload> {
    const parent = this.inodes.get(nodeId);
    const found = (entry: Entry): Payload => [encodeEntry(this.inodes.refer(entry, name, parent).id, entry)];
    try {
      const entry = this.#vfs.lookup(parent.node, name, caller);
      return entry instanceof Promise ? this.#whileLocked(parent, entry.then(found, missing)) : found(entry);
    } catch (error) {
      return missing(error);
    }
  }

  async #getattr({ nodeId }: FuseRequest, caller: Caller): Promise<Payload> {
    const inode = this.inodes.get(nodeId);
    const isFixed = inode.node.kind !== 'resource';
    return [encodeAttr(await this.#attrOf(inode, caller), isFixed ? FIXED_TTL_MS : 0)];
  }

  async #attrOf(inode: Inode, caller: Caller): Promise<Attr> {
    const { node, opens } = inode;
    if (isDirectory(node)) return await this.#vfs.getattr(node, caller);
    // An open file keeps its version. One without validators no query can confirm.
    const isFinal = opens > 0 ? inode.attr.size > 0 : node.kind === 'resource' && node.lookedUp !== undefined;
    if (isFinal) {
      await this.#vfs.useLastName(node, caller);
      return inode.attr;
    }
    const attr = await this.#vfs.getattr(node, caller);
    if (attr.ino === inode.attr.ino) return (inode.attr = attr);
    if (inode.opens > 0) return inode.attr;
    throw superseded(inode);
  }

  async #access({ nodeId, body }: FuseRequest, caller: Caller): Promise<Payload> {
    const inode = this.inodes.get(nodeId);
    const mask = decodeFlags(body);
    await this.#vfs.access(inode.node, mask, caller);
    if (mask === constants.X_OK && isDirectory(inode.node)) inode.wasEntered = true;
    return [];
  }

  #readdir(
    { opcode, nodeId }: Pick<FuseRequest, 'opcode' | 'nodeId'>,
    reading: Reading,
    caller: Caller,
    reply: Reply,
  ): Promise<void> | boolean {
    const inode = this.inodes.get(nodeId);
    const wait = this.#directories.whenReady(reading, caller);
    if (wait !== undefined) {
      // What was there may have made room for something else by then.
      return this.#whileLocked(inode, wait).then(async () => {
        await this.#readdir({ opcode, nodeId }, reading, caller, reply);
      });
    }
    const isPlus = opcode === OPCODE.READDIRPLUS;
    const entries = isPlus ? this.#directories.entries(inode, reading) : this.#directories.names(reading);
    if (this.#journal !== undefined && entries.length > 0) {
      const { handle } = reading;
      this.#journal.readDirectory(handle, this.#vfs.kept.saveDirectory(handle, this.#directories.endPlace));
    }
    reply([entries]);
    return true;
  }

  async #open({ nodeId, unique, isResent }: FuseRequest, caller: Caller): Promise<Payload> {
    const replied = isResent ? this.#replies.get(unique) : undefined;
    if (replied !== undefined) return [replied];
    const inode = this.inodes.get(nodeId);
    const isUnread = !inode.wasOpen || inode.opens > 0;
    const file = await this.#vfs.open(inode.node, caller, isUnread);
    if (file.generation.ino !== inode.attr.ino) {
      this.#vfs.release(file.id);
      throw superseded(inode);
    }
    const isFirst = !inode.wasOpen;
    inode.opens += 1;
    inode.wasOpen = true;
    this.inodes.use(inode);
    // It has no positions, and programs that seek after a read need no error.
    if (inode.node.kind === 'control-file' && file.size === undefined)
      return [encodeOpen(file.id, FOPEN.DIRECT_IO)];
    // To the kernel it has the size 0, so it must read past the page cache. Reads by position (pread(2), sendfile(2))
    // would see an empty file: NONSEEKABLE makes them fail with ESPIPE.
    const opened = (flags: number, backingId = 0): Payload => {
      const version = file.saved ?? null;
      this.#journal?.opened({ handle: file.id, nodeId, unique, flags, backingId, version });
      return [encodeOpen(file.id, flags, backingId)];
    };
    if (file.size === undefined) return opened(FOPEN.DIRECT_IO | FOPEN.NONSEEKABLE);
    const backingId = this.#backing.acquire(nodeId, file.id, file.localFd);
    if (backingId !== undefined) this.#activity.passthroughOpens += 1;
    if (backingId !== undefined) return opened(FOPEN.PASSTHROUGH | FOPEN.NOFLUSH, backingId);
    const head = this.#vfs.head(file.id);
    // FLUSH interrupts fetches, and a complete file has none.
    const isHere = head.byteLength >= file.size;
    const reply = opened(FOPEN.KEEP_CACHE | (isHere ? FOPEN.NOFLUSH : 0));
    // After the record of its version: from then on the kernel has pages of it.
    if (isFirst && file.size === inode.attr.size)
      this.#activity.storedBytes += this.#pages.store(inode, head);
    return reply;
  }

  /** Answers while the bytes are there: a gathered write of views of cached blocks. */
  async #read(
    { handle, offset, size }: { handle: number; offset: number; size: number },
    caller: RequestCaller,
    reply: ReplyWithContent,
  ): Promise<void> {
    this.#reads.add(handle, caller);
    try {
      await this.#vfs.read(handle, offset, size, caller, reply);
    } finally {
      this.#reads.delete(handle, caller);
    }
  }

  #flush({ body }: FuseRequest, caller: Caller): Payload {
    this.#reads.interrupt(decodeHandle(body).handle, caller.id);
    return [];
  }

  #release({ nodeId, body }: FuseRequest): Payload {
    const { handle } = decodeHandle(body);
    // Not open: an earlier process has released it, and was not able to reply.
    if (!this.#vfs.release(handle)) return [];
    this.#journal?.closed(handle);
    this.inodes.get(nodeId).opens -= 1;
    this.#backing.release(nodeId, handle);
    return [];
  }

  async #opendir({ nodeId, unique, isResent }: FuseRequest, flags: number, caller: Caller): Promise<Payload> {
    const replied = isResent ? this.#replies.get(unique) : undefined;
    if (replied !== undefined) return [replied];
    const mustBeDirectory = (flags & constants.O_DIRECTORY) !== 0;
    const inode = this.inodes.get(nodeId);
    const handle = await this.#vfs.opendir(inode.node, mustBeDirectory, caller);
    inode.opens += 1;
    this.inodes.use(inode);
    if (this.#journal !== undefined) {
      const content = this.#vfs.kept.saveDirectory(handle, 0);
      this.#journal.openedDirectory({ handle, nodeId, unique, content });
    }
    return [encodeOpen(handle, 0)];
  }

  #releasedir({ nodeId, body }: FuseRequest): Payload {
    const { handle } = decodeHandle(body);
    if (!this.#vfs.releasedir(handle)) return [];
    this.#journal?.closedDirectory(handle);
    this.inodes.get(nodeId).opens -= 1;
    return [];
  }

  async #statfs({ nodeId }: FuseRequest, caller: Caller): Promise<Payload> {
    await this.#vfs.useLastName(this.inodes.get(nodeId).node, caller);
    return [encodeStatfs(NAME_MAX_BYTES)];
  }

  async #getxattr(
    { nodeId }: FuseRequest,
    { size, name }: { size: number; name: string },
    caller: Caller,
  ): Promise<Payload> {
    return xattr(await this.#vfs.getxattr(this.inodes.get(nodeId).node, name, caller), size, name);
  }

  async #listxattr({ nodeId, body }: FuseRequest, caller: Caller): Promise<Payload> {
    const names = await this.#vfs.listxattr(this.inodes.get(nodeId).node, caller);
    const value = Buffer.from(names.map((name) => `${name}\0`).join(''));
    return xattr(value, decodeXattrSize(body), 'the list');
  }

  /** For requests for which the kernel locks the directory, and that may wait. */
  async #whileLocked<Result>(directory: Inode, work: Promise<Result>): Promise<Result> {
    directory.lockedFor += 1;
    try {
      return await work;
    } finally {
      directory.lockedFor -= 1;
      if (directory.lockedFor === 0) this.inodes.onUnlocked(directory);
    }
  }

  #pathOf(nodeId: number): string {
    try {
      return pathOf(this.inodes.get(nodeId).node);
    } catch {
      return `node ${nodeId}`;
    }
  }
}

/** The reply for a name that a lookup found missing; throws any other failure. */
function missing(error: unknown): Payload {
  if (error instanceof MissingNameError && error.ttlMs > 0) return [encodeMissing(error.ttlMs)];
  throw error;
}

/** GETXATTR and LISTXATTR: the size 0 requests the length, one that is too small is ERANGE. */
function xattr(value: Uint8Array, size: number, name: string): Payload {
  if (size === 0) return [encodeXattrSize(value.byteLength)];
  if (value.byteLength > size) throw new FsError('RESULT_TOO_LARGE', name, 'no room for the attribute');
  return [value];
}

function superseded(inode: Inode): FsError {
  return new FsError('STALE', pathOf(inode.node), 'a newer version is there');
}
