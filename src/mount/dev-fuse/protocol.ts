/** Numbers of the Linux FUSE protocol, version 7.40 (include/uapi/linux/fuse.h). */

export const KERNEL_VERSION = 7;
/** The newest minor version supported; 40 has passthrough. The kernel adapts to it. */
export const KERNEL_MINOR_VERSION = 40;
/** The oldest one whose structures have the sizes used here (`fuse_init_out`, 64 bytes: 7.23). */
export const OLDEST_MINOR_VERSION = 31;

/** The minor version of kernels that know FUSE_NOTIFY_INC_EPOCH (Linux 6.16). */
export const EPOCH_MINOR_VERSION = 44;

/** The minor version of kernels that know FUSE_NOTIFY_PRUNE (Linux 6.18). */
export const PRUNE_MINOR_VERSION = 45;

/** The root directory's node. */
export const ROOT_ID = 1;

export const OPCODE = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  COPY_FILE_RANGE: 47,
  TMPFILE: 51,
} as const;

const OPERATION_NAMES = new Map<number, string>(
  Object.entries(OPCODE).map(([name, opcode]) => [opcode, name.toLowerCase()]),
);

/** For logs and counters: one name for all that have none here. */
export function operationName(opcode: number): string {
  return OPERATION_NAMES.get(opcode) ?? 'other';
}

/** What would write: refused with EROFS. */
export const WRITING_OPCODES: ReadonlySet<number> = new Set([
  OPCODE.SETATTR,
  OPCODE.SYMLINK,
  OPCODE.MKNOD,
  OPCODE.MKDIR,
  OPCODE.UNLINK,
  OPCODE.RMDIR,
  OPCODE.RENAME,
  OPCODE.LINK,
  OPCODE.WRITE,
  OPCODE.SETXATTR,
  OPCODE.REMOVEXATTR,
  OPCODE.CREATE,
  OPCODE.FALLOCATE,
  OPCODE.RENAME2,
  OPCODE.COPY_FILE_RANGE,
  OPCODE.TMPFILE,
]);

/** `flags` of INIT. */
export const INIT_FLAG = {
  ASYNC_READ: 1 << 0,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  PARALLEL_DIROPS: 1 << 18,
  /** A connection that was aborted, and not unmounted, is read as ECONNABORTED. */
  ABORT_ERROR: 1 << 21,
  MAX_PAGES: 1 << 22,
  EXPLICIT_INVAL_DATA: 1 << 25,
  INIT_EXT: 1 << 30,
} as const;

/** `flags2` of INIT: the flags from bit 32 on. */
export const INIT_FLAG2 = {
  DIRECT_IO_ALLOW_MMAP: 1 << 4,
  PASSTHROUGH: 1 << 5,
  /** Offered by kernels that know FUSE_NOTIFY_RESEND (Linux 6.9). */
  HAS_RESEND: 1 << 7,
} as const;

/** `open_flags` of the replies to OPEN and OPENDIR. */
export const FOPEN = {
  DIRECT_IO: 1 << 0,
  KEEP_CACHE: 1 << 1,
  NONSEEKABLE: 1 << 2,
  NOFLUSH: 1 << 5,
  PASSTHROUGH: 1 << 7,
} as const;

/** Codes of notifications: messages to the kernel that are no replies. */
export const NOTIFY = {
  INVAL_INODE: 2,
  INVAL_ENTRY: 3,
  STORE: 4,
  RESEND: 7,
  INC_EPOCH: 8,
  PRUNE: 9,
} as const;

export const REQUEST_HEADER_BYTES = 40;
export const REPLY_HEADER_BYTES = 16;

/** A page, in terms of which `max_pages` is given. */
export const PAGE_BYTES = 4096;
