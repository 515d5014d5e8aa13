/** abs, hf, modelscope, opencsg and oras through a mount, by real programs. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startBlobServer } from '../servers/blob/blob-server.js';
import { startDockerRegistry } from '../servers/docker-registry.js';
import { startHub } from '../servers/hub.js';
import { onDevFuse } from '../support/mounted.js';
import { configFile, makeOriginal, readsAsOriginal } from '../support/original-tree.js';

/** By their paths from the root. */
async function filesOf(root: string): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[path.slice(root.length + 1)] = await readFile(path);
  }
  return files;
}

onDevFuse('real programs read abs as the original', async (t, mount) => {
  const root = await makeOriginal(t);
  const server = await startBlobServer(t);
  for (const [name, bytes] of Object.entries(await filesOf(root))) server.put('data', name, bytes);
  const { account, key, origin } = server;
  const rule = { match: { scheme: 'abs' }, endpoint: origin, credentials: { account, key } };
  const mnt = await mount('--config', await configFile(t, rule));
  await readsAsOriginal(t, `${mnt}/abs/data`, root);
});

onDevFuse('real programs read models and data sets of hubs as the original', async (t, mount) => {
  const root = await makeOriginal(t);
  const files = await filesOf(root);
  const kinds = ['hf', 'modelscope', 'opencsg'] as const;
  const rules: object[] = [];
  for (const kind of kinds) {
    const hub = await startHub(t, kind);
    hub.commit(hub.repository('models', 'Ada/model_1'), files);
    hub.commit(hub.repository('datasets', 'Ada/data'), files);
    const baseUrl = `${hub.origin}${kind === 'opencsg' ? '/csg' : ''}`;
    rules.push({ match: { scheme: kind }, baseUrl, credentials: { token: hub.token } });
  }
  const mnt = await mount('--config', await configFile(t, ...rules));
  for (const kind of kinds) await readsAsOriginal(t, `${mnt}/${kind}/Ada/model_1`, root);
  await readsAsOriginal(t, `${mnt}/hf/datasets/Ada/data`, root);
});

onDevFuse('real programs read an OCI artifact as the original', async (t, mount) => {
  const root = await makeOriginal(t);
  const registry = await startDockerRegistry(t, { auth: 'token' });
  await registry.pushFiles('team/artifact', 'v1', await filesOf(root));
  const { user, password, host } = registry;
  const rule = { match: { scheme: 'oras' }, credentials: { user, password } };
  const mnt = await mount('--config', await configFile(t, rule));
  await readsAsOriginal(t, `${mnt}/oras/${host}/team/artifact:v1`, root);
});
