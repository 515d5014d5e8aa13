/** What an SFTP server answers (draft-ietf-secsh-filexfer-02). */
import { packet, REPLY, string, uint32, uint64 } from '../../../src/source/schemes/sftp/packet.js';

export interface ServedFile {
  readonly kind: 'file' | 'directory' | 'link' | 'pipe';
  readonly content?: Buffer;
  /** Of a link. */
  readonly target?: string;
  /** Seconds since the epoch. */
  readonly mtime?: number;
}

const MODES = { file: 0o100644, directory: 0o040755, link: 0o120777, pipe: 0o010644 } as const;
export const LONG_AGO = 1_600_000_000;

export function status(id: number, code: number, text = 'a text'): Buffer {
  return packet(REPLY.STATUS, id, uint32(code), string(Buffer.from(text)), string(Buffer.alloc(0)));
}

export function data(id: number, bytes: Buffer): Buffer {
  return packet(REPLY.DATA, id, string(bytes));
}

export function attributes(id: number, file: ServedFile): Buffer {
  return packet(REPLY.ATTRS, id, attributesOf(file));
}

export function handle(id: number, number: number): Buffer {
  return packet(REPLY.HANDLE, id, string(uint32(number)));
}

export function names(id: number, entries: readonly (readonly [Buffer | string, ServedFile])[]): Buffer {
  const fields = entries.flatMap(([name, file]) => [
    string(Buffer.from(name)),
    string(Buffer.from('long name')),
    attributesOf(file),
  ]);
  return packet(REPLY.NAME, id, uint32(entries.length), ...fields);
}

/** Size, permissions and times. */
function attributesOf({ kind, content, mtime = LONG_AGO }: ServedFile): Buffer {
  const size = content?.length ?? 0;
  return Buffer.concat([uint32(0xd), uint64(size), uint32(MODES[kind]), uint32(mtime), uint32(mtime)]);
}
