/** Requests of SFTP over a channel of SSH, any number at a time. Content is received into memory of its reader. */
import type { Duplex } from 'node:stream';

import { type Attributes, readAttributes } from './attributes.js';
import {
  MalformedPacket,
  OPEN_FOR_READING,
  packet,
  PacketReader,
  PROTOCOL_VERSION,
  REPLY,
  REQUEST,
  STATUS,
  string,
  uint32,
  uint64,
} from './packet.js';
import { PacketParser } from './packet-parser.js';
import { PendingRequests, type ReadRequest } from './pending-requests.js';
import { ReadQueue } from './read-queue.js';
import type { RequestCounts } from './request-counts.js';
import { SessionLost, StatusError } from './sftp-failure.js';

/** What a READ may ask for without a word of the server (draft-ietf-secsh-filexfer-02, 3). */
const CHUNK_BYTES = 32 * 1024;
/** Of OpenSSH's limit of 256 KiB for a packet, as many blocks as fit. */
const MAX_CHUNK_BYTES = 7 * CHUNK_BYTES;
/** Below it a server would be asked too often. */
const MIN_CHUNK_BYTES = 4 * 1024;
/** As many READs as OpenSSH and rclone have in flight: some servers hold each of them in memory. */
const MAX_READS = 64;
const CLOSE_AFTER_MS = 20;
const LIMITS = 'limits@openssh.com';

export interface DirectoryEntry {
  readonly name: Buffer;
  /** Of a link, its own. */
  readonly attributes: Attributes;
}

export class SftpChannel {
  readonly #stream: Duplex;
  readonly #pending: PendingRequests;
  readonly #reads: ReadQueue;
  readonly #parser: PacketParser;
  readonly #unsent: Buffer[] = [];
  #isFlushing = false;
  #flushing: NodeJS.Timeout | undefined;
  #chunkBytes = CHUNK_BYTES;

  /** `stream` is that of the subsystem `sftp`. */
  constructor(stream: Duplex, timeoutMs: number, counts: RequestCounts) {
    this.#stream = stream;
    this.#reads = new ReadQueue(
      (request, aheadBytes) => this.#sendRead(request, aheadBytes),
      () => MAX_READS * this.#chunkBytes,
    );
    this.#pending = new PendingRequests(
      timeoutMs,
      counts,
      (error) => this.destroy(error),
      (read) => this.#reads.noteEnd(read),
    );
    this.#parser = new PacketParser(this.#pending);
    stream
      .on('data', (chunk: Buffer) => this.#parse(chunk))
      .on('error', (error) => this.destroy(error))
      .on('end', () => this.destroy(new SessionLost('the server ended the session')))
      .on('close', () => this.destroy(new SessionLost('the connection was closed')));
  }

  /** Agrees on the version. To be called first, once. */
  async begin(): Promise<void> {
    const version = await this.#pending.add(REPLY.VERSION, 0, () =>
      this.#write(packet(REQUEST.INIT, undefined, uint32(PROTOCOL_VERSION))),
    );
    const reader = new PacketReader(version);
    const number = reader.uint32();
    if (number < PROTOCOL_VERSION) throw new MalformedPacket(`version ${number}`);
    let hasLimits = false;
    while (!reader.isAtEnd) {
      hasLimits ||= reader.string().toString('latin1') === LIMITS;
      reader.string();
    }
    if (hasLimits) await this.#learnLimits();
  }

  get isClosed(): boolean {
    return this.#pending.isClosed;
  }

  /** So many bytes were asked for and have not come. */
  get inFlightBytes(): number {
    return this.#reads.inFlightBytes;
  }

  /** So much may be in flight now. */
  get windowBytes(): number {
    return this.#reads.windowBytes;
  }

  /** How much one READ asks for. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /** A server that answers less than was asked for does so each time. */
  noteShortAnswer(bytes: number): void {
    if (bytes >= MIN_CHUNK_BYTES) this.#chunkBytes = Math.min(this.#chunkBytes, bytes);
  }

  /** Follows links. */
  async stat(path: Buffer): Promise<Attributes> {
    return await this.#attributes(REQUEST.STAT, path);
  }

  async lstat(path: Buffer): Promise<Attributes> {
    return await this.#attributes(REQUEST.LSTAT, path);
  }

  async fstat(handle: Buffer): Promise<Attributes> {
    return await this.#attributes(REQUEST.FSTAT, handle);
  }

  async realpath(path: Buffer): Promise<Buffer> {
    const reader = new PacketReader(await this.#request(REPLY.NAME, REQUEST.REALPATH, string(path)));
    if (reader.uint32() !== 1) throw new MalformedPacket('another number of paths than one');
    return Buffer.from(reader.string());
  }

  async open(path: Buffer): Promise<Buffer> {
    return await this.#handle(REQUEST.OPEN, string(path), uint32(OPEN_FOR_READING), uint32(0));
  }

  async openDirectory(path: Buffer): Promise<Buffer> {
    return await this.#handle(REQUEST.OPENDIR, string(path));
  }

  /** The next entries; undefined: there are no more. */
  async readDirectory(handle: Buffer): Promise<DirectoryEntry[] | undefined> {
    let reader: PacketReader;
    try {
      reader = new PacketReader(await this.#request(REPLY.NAME, REQUEST.READDIR, string(handle)));
    } catch (error) {
      if (error instanceof StatusError && error.status === STATUS.EOF) return undefined;
      throw error;
    }
    const entries: DirectoryEntry[] = [];
    for (let left = reader.uint32(); left > 0; left -= 1) {
      const name = Buffer.from(reader.string());
      reader.string();
      entries.push({ name, attributes: readAttributes(reader) });
    }
    return entries;
  }

  /** No caller waits for it: it is sent with what is sent next, or a little later. */
  close(handle: Buffer): void {
    const send = (id: number): void => {
      this.#unsent.push(packet(REQUEST.CLOSE, id, string(handle)));
      this.#flushing ??= setTimeout(() => this.#flush(), CLOSE_AFTER_MS);
    };
    this.#pending.add(REPLY.STATUS, 0, send).catch(() => undefined);
  }

  read(request: ReadRequest): void {
    this.#reads.add(request);
  }

  /** Ends all requests with the error. */
  destroy(error: unknown): void {
    if (this.#pending.isClosed) return;
    this.#pending.close(error);
    this.#reads.close(error);
    this.#stream.destroy();
  }

  async #learnLimits(): Promise<void> {
    const reply = this.#request(REPLY.EXTENDED_REPLY, REQUEST.EXTENDED, string(Buffer.from(LIMITS)));
    const reader = new PacketReader(await reply);
    reader.uint64();
    const maxReadBytes = reader.uint64();
    if (maxReadBytes < CHUNK_BYTES) this.#chunkBytes = Math.max(MIN_CHUNK_BYTES, maxReadBytes || CHUNK_BYTES);
    else this.#chunkBytes = Math.min(MAX_CHUNK_BYTES, Math.floor(maxReadBytes / CHUNK_BYTES) * CHUNK_BYTES);
  }

  async #attributes(type: number, of: Buffer): Promise<Attributes> {
    return readAttributes(new PacketReader(await this.#request(REPLY.ATTRS, type, string(of))));
  }

  async #handle(type: number, ...fields: readonly Buffer[]): Promise<Buffer> {
    return Buffer.from(new PacketReader(await this.#request(REPLY.HANDLE, type, ...fields)).string());
  }

  /** Resolves to the fields of the reply. */
  #request(expected: number, type: number, ...fields: readonly Buffer[]): Promise<Buffer> {
    return this.#pending.add(expected, this.#reads.inFlightBytes, (id) =>
      this.#write(packet(type, id, ...fields)),
    );
  }

  #sendRead(read: ReadRequest, aheadBytes: number): void {
    const { handle, offset, length } = read;
    this.#pending.addRead(read, aheadBytes, (id) => {
      this.#write(packet(REQUEST.READ, id, string(handle), uint64(offset), uint32(length)));
      read.sent();
    });
  }

  /** What is sent in one step is one packet of SSH, and one write to the socket. */
  #write(bytes: Buffer): void {
    this.#unsent.push(bytes);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    this.#isFlushing = false;
    const unsent = this.#unsent.splice(0);
    if (!this.isClosed && unsent.length > 0) this.#stream.write(Buffer.concat(unsent));
  }

  #parse(chunk: Buffer): void {
    try {
      this.#parser.push(chunk);
    } catch (error) {
      this.destroy(error);
    }
  }
}
