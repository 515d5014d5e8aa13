/** Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), whose integers are big-endian. */

export const REQUEST = {
  INIT: 1,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  LSTAT: 7,
  FSTAT: 8,
  OPENDIR: 11,
  READDIR: 12,
  REALPATH: 16,
  STAT: 17,
  EXTENDED: 200,
} as const;

export const REPLY = {
  VERSION: 2,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED_REPLY: 201,
} as const;

export const STATUS = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  OP_UNSUPPORTED: 8,
} as const;

export const PROTOCOL_VERSION = 3;
/** To read. */
export const OPEN_FOR_READING = 1;

/** The other side breaks the protocol. */
export class MalformedPacket extends Error {
  override readonly name = 'MalformedPacket';
}

/** `id` is undefined for INIT, which has none. */
export function packet(type: number, id: number | undefined, ...fields: readonly Buffer[]): Buffer {
  const head = Buffer.allocUnsafe(id === undefined ? 5 : 9);
  const bytes = fields.reduce((sum, { length }) => sum + length, head.length - 4);
  head.writeUInt32BE(bytes, 0);
  head[4] = type;
  if (id !== undefined) head.writeUInt32BE(id, 5);
  return Buffer.concat([head, ...fields]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function uint64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function string(value: Buffer): Buffer {
  return Buffer.concat([uint32(value.length), value]);
}

/** Reads the fields of a packet one after the other. Throws `MalformedPacket` at its end. */
export class PacketReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  uint64(): number {
    const value = Number(this.#take(8).readBigUInt64BE());
    if (!Number.isSafeInteger(value)) throw new MalformedPacket('a number beyond 2^53');
    return value;
  }

  /** A part of the packet. */
  string(): Buffer {
    return this.#take(this.uint32());
  }

  #take(bytes: number): Buffer {
    const end = this.#at + bytes;
    if (end > this.#bytes.length) throw new MalformedPacket('a packet that ends early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
