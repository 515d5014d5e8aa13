/** What the mount knows of the registered sources: their schemes, and what `.plugins` shows of each. */
export interface PluginCatalog {
  /** Sorted. */
  listClients(): string[];
  /** Whether a client serves the scheme, loading it if it has to be. */
  isServed(scheme: string): Promise<boolean>;
  /** The description of a client, to be shown as JSON. */
  describe(scheme: string): object | undefined;
}
