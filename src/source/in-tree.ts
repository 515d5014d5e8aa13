import { createDfsClient } from './dfs/dfs-client.js';
import type { ClientRegistry } from './registry.js';
import type { ResourceClient } from './resource-client.js';

/** The sources of this tree: one line each. */
export function registerInTree(registry: ClientRegistry, clients: { readonly http: ResourceClient }): void {
  registry.register('dfs', createDfsClient());
  registry.register('http', clients.http);
  registry.register('https', clients.http);
}
