/** What is configured of the cluster of Dragonfly (docs/P2P.md). */
export interface P2pSettings {
  /** Of dfdaemon; undefined: nothing goes by the cluster. */
  readonly proxy: URL | undefined;
  /** `stream`: whole files that are read in order. `ranges`: other parts too, in aligned windows. */
  readonly mode: P2pMode;
}

export type P2pMode = 'stream' | 'ranges';

/** What rules say of a URL. */
export interface P2pRule {
  /** Default: false. */
  readonly p2p?: boolean;
  /**
   * Who shares what credentials let them read: a name that goes into the identity of each task. Undefined: what takes credentials
   * is not shared.
   */
  readonly shareScope?: string;
}
