/** A task on one node, as other nodes see it. */
export interface Peer {
  readonly id: string;
  /** When its last piece came, by the process's clock. */
  readonly lastArrivalMs: number;
  /** A piece, when the node has it; undefined where it will not. Never, as long as it fetches others. */
  offer(piece: number): Promise<Buffer | undefined>;
}

/** The nodes of one cluster: which of them have a task, in the order in which they came to it. */
export class Swarm {
  readonly #peers = new Map<string, Set<Peer>>();

  join(peer: Peer): void {
    this.#peers.set(peer.id, (this.#peers.get(peer.id) ?? new Set()).add(peer));
  }

  leave(peer: Peer): void {
    this.#peers.get(peer.id)?.delete(peer);
  }

  /** The node from which a node takes its pieces: the first that came to the task; none for the first itself. */
  parentOf(peer: Peer): Peer | undefined {
    const [first] = this.#peers.get(peer.id) ?? [];
    return first === peer ? undefined : first;
  }
}
