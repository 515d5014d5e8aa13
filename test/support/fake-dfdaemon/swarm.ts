/** A task on one node, as other nodes see it. */
export interface Peer {
  readonly id: string;
  /** Whether it still fetches pieces. */
  readonly isDownloading: boolean;
  /** A piece; undefined where the node does not fetch it, or cannot. */
  offer(piece: number, totalBytes: number): Promise<Buffer | undefined>;
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
