/** abs, hf, modelscope, opencsg, oras and hdfs through a mount, by real programs; what an open costs of hdfs. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startBlobServer } from '../servers/blob/blob-server.js';
import { startDockerRegistry } from '../servers/docker-registry.js';
import { startHdfsServer } from '../servers/hdfs/hdfs-server.js';
import { startHub } from '../servers/hub.js';
import { onDevFuse } from '../support/mounted.js';
import { configFile, makeOriginal, ok, readsAsOriginal } from '../support/original-tree.js';
import { pattern } from '../support/tree.js';
import { temporaryDirectory } from '../support/temp.js';

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

onDevFuse('real programs read hdfs as the original', async (t, mount) => {
  const root = await makeOriginal(t);
  await ok(
    t,
    'git init -q "$1/work" && cd "$1/work" && git config user.email a@b.c && git config user.name A',
    root,
  );
  await ok(t, 'cd "$1/work" && seq 5000 > numbers && git add . && git commit -qm numbers', root);
  await ok(t, 'git clone -q --bare "$1/work" "$1/bare.git" && rm -rf "$1/work"', root);
  await ok(t, 'cd "$1/bare.git" && git update-ref refs/tags/v1 HEAD && find . -type d -empty -delete', root);
  const { server, nameNodes } = await startHdfsServer(t);
  for (const [name, bytes] of Object.entries(await filesOf(root))) server.files.put(`/data/${name}`, bytes);
  server.token = 'delegation';
  const namenodes = nameNodes.map(({ host }) => host);
  const rule = {
    match: { scheme: 'hdfs', host: 'cluster' },
    namenodes,
    headers: { 'hdfs-delegation-token': 'delegation' },
  };
  const mnt = await mount('--config', await configFile(t, rule));
  const tree = `${mnt}/hdfs/cluster/data`;
  await readsAsOriginal(t, tree, root);
  const clone = join(await temporaryDirectory(t), 'clone');
  await ok(t, 'git -c safe.directory="*" clone -q "$1/bare.git" "$2"', tree, clone);
  await ok(t, 'seq 5000 | cmp - "$1/numbers"', clone);
  // By the host of a name node alone, where no token is needed.
  server.token = undefined;
  await readsAsOriginal(t, `${mnt}/hdfs/${nameNodes[0].host}/data`, root);
});

onDevFuse('ls -l of 1,000 files of hdfs is one request, and opening one of them none', async (t, mount) => {
  const { server, nameNodes } = await startHdfsServer(t);
  for (let i = 0; i < 1_000; i += 1) server.files.put(`/many/${i}`, 'x'.repeat(i % 100));
  server.files.put('/large.bin', pattern(32 << 20));
  const rule = { match: { scheme: 'hdfs', host: 'cluster' }, namenodes: [nameNodes[0].host] };
  const root = `${await mount('--config', await configFile(t, rule))}/hdfs/cluster`;
  await ok(t, 'ls "$1" > /dev/null', root);
  const operations = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { uri } of server.log.splice(0)) {
      const name = /op=([A-Z_]+)/.exec(uri)?.[1] ?? '';
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  operations();
  t.is((await ok(t, 'ls -l "$1" | awk \'$5 == $9 % 100\' | wc -l', `${root}/many`)).trim(), '1000');
  t.deepEqual(operations(), { LISTSTATUS_BATCH: 1 });
  t.is(await ok(t, 'cat "$1/many/742"', root), 'x'.repeat(42));
  t.deepEqual(operations(), { OPEN: 1, GETFILESTATUS: 1 });
  await ok(t, 'cat "$1/large.bin" > /dev/null', root);
  const { OPEN: opened = 0, ...others } = operations();
  // The first ones are short. A range costs a connection, so they become long.
  t.true(opened > 1 && opened <= 24, `${opened} times OPEN`);
  t.deepEqual(others, { GETFILESTATUS: opened });
});
