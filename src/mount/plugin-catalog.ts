/** What the mount knows of the registered sources: their schemes, and what `.plugins` shows of each. */
export interface PluginCatalog {
  /** Looks which sources there are by now; absent where they never change. */
  refresh?(): Promise<void>;
  /** Sorted. */
  listClients(): string[];
  /** Whether there is a client for the scheme. */
  isServed(scheme: string): Promise<boolean>;
  /** The description of a client, to be shown as JSON. */
  describe(scheme: string): object | undefined;
}
