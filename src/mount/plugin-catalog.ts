import type { SourceCapabilities } from '../source/index.js';

/** The registered sources: their schemes, and what `.plugins` shows of each. */
export interface PluginCatalog {
  /** Reads the plugin directories again; absent where the sources never change. */
  refresh?(): Promise<void>;
  /** Sorted. */
  listClients(): string[];
  /** Whether there is a client for the scheme. */
  isServed(scheme: string): Promise<boolean>;
  /** What its names are like; absent: all are as http's. */
  capabilitiesOf?(scheme: string): SourceCapabilities;
  /** The description of a client, to be shown as JSON. */
  describe(scheme: string): object | undefined;
}
