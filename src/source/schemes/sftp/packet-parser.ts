import { MalformedPacket, REPLY } from './packet.js';
import type { PendingRequests } from './pending-requests.js';

/** Of what is no content: OpenSSH's limit for a packet. */
const MAX_PACKET_BYTES = 256 * 1024;
/** Length and type. */
const HEAD_BYTES = 5;
/** With the number of the request, and the length of the content. */
const DATA_HEAD_BYTES = 13;

/** Cuts the bytes of a session into packets. Content is handed on as it comes, and is copied by who takes it alone. */
export class PacketParser {
  readonly #pending: PendingRequests;
  readonly #head = Buffer.allocUnsafeSlow(DATA_HEAD_BYTES);
  #headBytes = 0;
  /** Of a packet without content, what comes behind the type. */
  #packet: Buffer | undefined;
  #packetBytes = 0;
  /** Of the content that is coming. */
  #dataId = 0;
  #leftBytes = 0;

  constructor(pending: PendingRequests) {
    this.#pending = pending;
  }

  /** Throws `MalformedPacket`. The chunk may be reused afterwards. */
  push(chunk: Buffer): void {
    this.#pending.noteReceived();
    for (let at = 0; at < chunk.length && !this.#pending.isClosed;) {
      if (this.#leftBytes > 0) at += this.#takeData(chunk.subarray(at, at + this.#leftBytes));
      else if (this.#packet === undefined) at += this.#takeHead(chunk, at);
      else at += this.#takePacket(chunk, at, this.#packet);
    }
  }

  #takeHead(chunk: Buffer, at: number): number {
    const wanted = this.#headBytes >= HEAD_BYTES ? DATA_HEAD_BYTES : HEAD_BYTES;
    const taken = chunk.copy(this.#head, this.#headBytes, at, at + wanted - this.#headBytes);
    this.#headBytes += taken;
    if (this.#headBytes < wanted) return taken;
    const bytes = this.#head.readUInt32BE(0);
    if (wanted === DATA_HEAD_BYTES) {
      this.#beginData(bytes);
    } else if (this.#head[4] !== REPLY.DATA) {
      if (bytes < HEAD_BYTES || bytes > MAX_PACKET_BYTES)
        throw new MalformedPacket(`a packet of ${bytes} bytes`);
      this.#packet = Buffer.allocUnsafe(bytes - 1);
      this.#packetBytes = 0;
    }
    return taken;
  }

  #beginData(packetBytes: number): void {
    const bytes = this.#head.readUInt32BE(9);
    if (packetBytes !== bytes + 9)
      throw new MalformedPacket(`${bytes} bytes of content in ${packetBytes} bytes`);
    this.#dataId = this.#head.readUInt32BE(5);
    this.#pending.beginData(this.#dataId, bytes);
    this.#leftBytes = bytes;
    this.#headBytes = 0;
  }

  #takeData(part: Buffer): number {
    this.#pending.takeData(this.#dataId, part);
    this.#leftBytes -= part.length;
    if (this.#leftBytes === 0) this.#pending.endData(this.#dataId);
    return part.length;
  }

  #takePacket(chunk: Buffer, at: number, packet: Buffer): number {
    const taken = chunk.copy(packet, this.#packetBytes, at);
    this.#packetBytes += taken;
    if (this.#packetBytes < packet.length) return taken;
    const type = this.#head[4] ?? 0;
    this.#packet = undefined;
    this.#headBytes = 0;
    // The first of all requests is that for the version, and its answer has no number.
    if (type === REPLY.VERSION) this.#pending.reply(0, type, packet);
    else this.#pending.reply(packet.readUInt32BE(0), type, packet.subarray(4));
    return taken;
  }
}
