/** A connection to the kernel that outlives its process: what it writes to the journal, and what it takes over from one. */
import type { Continuation } from '../continuation.js';
import type { Mount } from '../mount-table.js';
import type { VirtualFs } from '../virtual-fs.js';
import type { FuseDevice } from './fuse-device.js';
import type { FuseOperations } from './fuse-operations.js';
import type { Agreement } from './fuse-session.js';
import { type FoundJournal, Journal, JOURNAL_FORMAT } from './journal.js';
import { EPOCH_MINOR_VERSION, NOTIFY } from './protocol.js';
import { encodeHeader } from './reply-codec.js';
import { type SavedState, StateJournal, stateOf } from './state-journal.js';

/** In the header of the journal. */
export interface ConnectionFacts {
  readonly agreement: Agreement;
  readonly device: string;
  readonly mountpoint: string;
  readonly mountedAtMs: number;
  /** `Continuation.facts`. */
  readonly mount: Continuation['facts'];
}

/** A process that goes on with a mount for so long is a good one; several others in a row end it. */
export const GOOD_MS = 2_000;

/** Numbers of nodes by the time: more than a process gives out in a second. */
const IDS_PER_SECOND = 2 ** 20;

export function connectionFacts({ header }: FoundJournal): ConnectionFacts {
  return header.facts as unknown as ConnectionFacts;
}

/** `device` replies when what the reply says is in the journal. */
export class KeptConnection {
  readonly device: FuseDevice;
  #journal: StateJournal | undefined;

  constructor(device: FuseDevice) {
    this.device = {
      ...device,
      reply: (parts) => {
        this.#journal?.flush();
        device.reply(parts);
      },
      replyLater: (parts) => {
        this.#journal?.flush();
        return device.replyLater(parts);
      },
    };
  }

  /** Before the first request. */
  begin(
    { journal: files, facts, onFailed }: Continuation,
    { device, mountpoint }: Mount,
    { vfs, operations }: Layers,
    agreement: Agreement,
  ): void {
    const { mountedAtMs } = vfs.kept;
    const known: ConnectionFacts = { agreement, device, mountpoint, mountedAtMs, mount: facts };
    const journal = Journal.begin(files, { ...known });
    journal.onFailed = onFailed;
    this.#record(new StateJournal(journal, operations.inodes), operations);
  }

  /** Before the first request. */
  resume({ journal: files, onFailed }: Continuation, found: FoundJournal, { vfs, operations }: Layers): void {
    const { mountedAtMs, agreement } = connectionFacts(found);
    const isReadable = found.header.format === JOURNAL_FORMAT;
    vfs.kept.resume(mountedAtMs, isReadable);
    const state = isReadable ? stateOf(found) : nothing();
    operations.restore(state);
    const journal = isReadable ? Journal.resume(files, found) : Journal.begin(files, found.header.facts);
    journal.onFailed = onFailed;
    const kept = new StateJournal(journal, operations.inodes, state);
    this.#record(kept, operations);
    kept.resumed();
    setTimeout(() => kept.lasted(), GOOD_MS).unref();
    // All names are looked up again, and get other numbers.
    if (!isReadable && agreement.kernelMinor >= EPOCH_MINOR_VERSION)
      void this.device.notify(encodeHeader(0, -NOTIFY.INC_EPOCH, 0));
  }

  #record(journal: StateJournal, operations: FuseOperations): void {
    operations.record(journal);
    this.#journal = journal;
  }
}

interface Layers {
  readonly vfs: VirtualFs;
  readonly operations: FuseOperations;
}

/** No number of the earlier process is used for anything else. */
function nothing(): SavedState {
  const lastId = Math.floor(Date.now() / 1000) * IDS_PER_SECOND;
  return { nodes: [], files: [], directories: [], intents: [], failures: 0, lastId };
}
