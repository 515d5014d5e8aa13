/**
 * What the kernel holds of the mount, by numbers that this process gave it: nodes, open files and directories. Written to the
 * journal before each reply, and read by the process that goes on with the mount. Nothing in it is secret beyond the names that
 * programs used.
 */
import type { SavedVersion } from '../../cache/resource-cache.js';
import type { FileGeneration } from '../inode-numbers.js';
import { generationOf, isDirectory } from '../node.js';
import type { SavedEntry } from '../restored-node.js';
import type { SavedDirectory } from '../kept-state.js';
import type { Inode, InodeTable, SavedNode } from './inode-table.js';
import type { FoundJournal, Journal } from './journal.js';

export interface SavedFile {
  readonly handle: number;
  readonly nodeId: number;
  /** The number of the request that opened it. */
  readonly unique: number;
  /** Of the reply. */
  readonly flags: number;
  /** Of a file that the kernel reads by itself; 0: it does not. */
  readonly backingId: number;
  /** Null: it cannot be read by another process. */
  readonly version: SavedVersion | null;
}

export interface SavedOpenDirectory {
  readonly handle: number;
  readonly nodeId: number;
  readonly unique: number;
  readonly content: SavedDirectory;
}

/** All that the kernel holds. */
export interface SavedState {
  /** Directories before what is in them. With 0 lookups: the kernel has only what is in it. */
  readonly nodes: readonly SavedNode[];
  readonly files: readonly SavedFile[];
  readonly directories: readonly SavedOpenDirectory[];
  /** The lookups of names as files that are about to come. */
  readonly intents: readonly { readonly caller: number; readonly url: string }[];
  /** The highest number that was ever given to a node. */
  readonly lastId: number;
  /** How many processes went on with the mount, one after the other, of which none did so for long. */
  readonly failures: number;
}

/** An intent is for the next request of its thread. */
const MAX_INTENTS = 64;

type Place = [id: number, parentId: number, name: string, type: SavedEntry['type'], lookups: number];

/** Of a node, and how often it was looked up since; of opening and closing files and directories; of what else is kept. */
type StateRecord =
  | readonly ['n', ...Place, generation?: FileGeneration | undefined, size?: number, mode?: number]
  | readonly ['l', id: number, lookups: number]
  | readonly [
      'o',
      handle: number,
      ...OpenedBy,
      flags: number,
      backingId: number,
      version: SavedVersion | null,
    ]
  | readonly ['c', handle: number]
  | readonly ['O', handle: number, ...OpenedBy, content: SavedDirectory]
  | readonly ['C', handle: number]
  | readonly ['i', caller: number, url: string]
  /** A process goes on with the mount; it has done so for long enough. */
  | readonly ['r']
  | readonly ['g']
  | readonly ['last', id: number]
  | readonly ['done'];

type OpenedBy = [nodeId: number, unique: number];

export class StateJournal {
  readonly #journal: Journal;
  readonly #inodes: InodeTable;
  /** By kind and handle. */
  readonly #open = new Map<string, StateRecord>();
  #intents: StateRecord[] = [];
  #failures = 0;

  /** `restored`: what the journal has already. */
  constructor(journal: Journal, inodes: InodeTable, restored?: Omit<SavedState, 'nodes'>) {
    this.#journal = journal;
    this.#inodes = inodes;
    if (restored === undefined) return;
    for (const file of restored.files) this.#open.set(`o${file.handle}`, fileRecord(file));
    for (const one of restored.directories) this.#open.set(`O${one.handle}`, directoryRecord(one));
    this.#failures = restored.failures;
  }

  /** `isWhole`: more than the number of its lookups has changed. */
  referred(inode: Inode, isWhole: boolean): void {
    this.#journal.append(isWhole ? nodeRecord(inode) : ['l', inode.id, 1]);
  }

  forgot(nodeId: number, lookups: number): void {
    this.#journal.append(['l', nodeId, -lookups]);
  }

  opened(file: SavedFile): void {
    this.#add('o', file.handle, fileRecord(file));
  }

  closed(handle: number): void {
    this.#remove('o', handle);
  }

  openedDirectory(directory: SavedOpenDirectory): void {
    this.#add('O', directory.handle, directoryRecord(directory));
  }

  /** It was read on. */
  readDirectory(handle: number, content: SavedDirectory): void {
    const record = this.#open.get(`O${handle}`);
    if (record?.[0] !== 'O' || content.read === undefined) return;
    const [, , nodeId, unique] = record;
    this.openedDirectory({ handle, nodeId, unique, content });
  }

  closedDirectory(handle: number): void {
    this.#remove('O', handle);
  }

  intended(caller: number, url: string): void {
    const record: StateRecord = ['i', caller, url];
    this.#intents = [...this.#intents.slice(1 - MAX_INTENTS), record];
    this.#journal.append(record);
  }

  resumed(): void {
    this.#failures += 1;
    this.#journal.append(['r']);
    this.#journal.flush();
  }

  /** This process is a good one. */
  lasted(): void {
    this.#failures = 0;
    this.#journal.append(['g']);
    this.#journal.flush();
  }

  /** To be called before each reply. */
  flush(): void {
    this.#journal.flush();
    if (this.#journal.isLong) void this.compact();
  }

  /** Replaces the records by the state. */
  async compact(): Promise<void> {
    await this.#journal.compact(this.#state());
  }

  #add(kind: 'o' | 'O', handle: number, record: StateRecord): void {
    this.#open.set(`${kind}${handle}`, record);
    this.#journal.append(record);
  }

  #remove(kind: 'o' | 'O', handle: number): void {
    if (this.#open.delete(`${kind}${handle}`)) this.#journal.append([kind === 'o' ? 'c' : 'C', handle]);
  }

  *#state(): Generator<StateRecord> {
    yield ['last', this.#inodes.lastId];
    for (let i = 0; i < this.#failures; i += 1) yield ['r'];
    const written = new Set<Inode>();
    for (const id of this.#inodes.ids()) {
      // Those that the kernel has forgotten, and which are in the path of this one, too.
      for (let inode = this.#inodes.peek(id); inode !== undefined; inode = inode.parent) {
        if (written.has(inode)) break;
        written.add(inode);
        if (inode.parent !== undefined) yield nodeRecord(inode);
      }
    }
    yield* this.#open.values();
    yield* this.#intents;
  }
}

function fileRecord({ handle, nodeId, unique, flags, backingId, version }: SavedFile): StateRecord {
  return ['o', handle, nodeId, unique, flags, backingId, version];
}

function directoryRecord({ handle, nodeId, unique, content }: SavedOpenDirectory): StateRecord {
  return ['O', handle, nodeId, unique, content];
}

function nodeRecord({ id, parent, name, node, lookups, attr }: Inode): StateRecord {
  const type = node.kind === 'resource' ? node.type : isDirectory(node) ? 'directory' : 'file';
  const place = ['n', id, parent?.id ?? 0, name, type, Math.max(0, lookups)] as const;
  return type === 'file' ? [...place, generationOf(node), attr.size, attr.mode] : place;
}

/** What the records say, one after the other. */
export function stateOf({ records }: FoundJournal): SavedState {
  const nodes = new Map<number, Writable<SavedNode>>();
  const files = new Map<number, SavedFile>();
  const directories = new Map<number, SavedOpenDirectory>();
  const intents: SavedState['intents'][number][] = [];
  let [lastId, failures] = [0, 0];
  // Of this format: they are as this class writes them.
  for (const record of records as unknown as readonly StateRecord[]) {
    switch (record[0]) {
      case 'n': {
        const [, id, parentId, name, type, lookups, generation, size = 0, mode] = record;
        const known = type === 'file' ? { generation, size, mode } : {};
        nodes.set(id, { id, parentId, name, type, lookups, ...known });
        lastId = Math.max(lastId, id);
        break;
      }
      case 'l': {
        const [, id, lookups] = record;
        const node = nodes.get(id);
        if (node !== undefined) node.lookups = Math.max(0, node.lookups + lookups);
        break;
      }
      case 'o': {
        const [, handle, nodeId, unique, flags, backingId, version] = record;
        files.set(handle, { handle, nodeId, unique, flags, backingId, version });
        learnVersion(nodes.get(nodeId), version);
        break;
      }
      case 'c':
        files.delete(record[1]);
        break;
      case 'O': {
        const [, handle, nodeId, unique, content] = record;
        directories.set(handle, { handle, nodeId, unique, content });
        break;
      }
      case 'C':
        directories.delete(record[1]);
        break;
      case 'i':
        intents.push({ caller: record[1], url: record[2] });
        break;
      case 'r':
        failures += 1;
        break;
      case 'g':
        failures = 0;
        break;
      case 'last':
        lastId = Math.max(lastId, record[1]);
        break;
      case 'done':
    }
  }
  return {
    nodes: needed([...nodes.values()].toSorted((a, b) => a.id - b.id)),
    files: [...files.values()],
    directories: [...directories.values()],
    intents: intents.slice(-MAX_INTENTS),
    lastId,
    failures,
  };
}

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

/** The kernel may have pages of it from then on: nothing else may be taken for this version. */
function learnVersion(node: Writable<SavedNode> | undefined, saved: SavedVersion | null): void {
  if (node?.generation === undefined || saved === null) return;
  const { fingerprint } = node.generation;
  node.generation = {
    ...node.generation,
    fingerprint: {
      ...fingerprint,
      version: fingerprint.version ?? saved.version.id,
      size: fingerprint.size ?? saved.size,
    },
  };
}

/** Those that the kernel has, and the directories that they were found in. */
function needed(nodes: readonly SavedNode[]): SavedNode[] {
  const parents = new Set<number>();
  const found = nodes.toReversed().filter(({ id, parentId, lookups }) => {
    if (lookups === 0 && !parents.has(id)) return false;
    parents.add(parentId);
    return true;
  });
  return found.toReversed();
}
