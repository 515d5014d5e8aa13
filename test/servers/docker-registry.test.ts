/** Our ways to put things into a registry, as oras sees them. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { run } from '../support/run.js';
import { temporaryDirectory } from '../support/temp.js';
import { INDEX, type DockerRegistry, startDockerRegistry } from './docker-registry.js';
import { testWith } from './with-tool.js';

async function pull(
  t: ExecutionContext,
  oras: string,
  registry: DockerRegistry,
  { reference = 'team/data:v1', args = [] as string[], isKnown = true },
): Promise<{ directory: string; code: number; stderr: string }> {
  const directory = await temporaryDirectory(t);
  const config = join(await temporaryDirectory(t), 'config.json');
  await writeFile(config, isKnown ? registry.dockerConfig : '{}');
  const { code, stderr } = await run(oras, [
    'pull',
    '--plain-http',
    '--registry-config',
    config,
    '-o',
    directory,
    ...args,
    `${registry.host}/${reference}`,
  ]);
  return { directory, code, stderr };
}

for (const auth of ['none', 'htpasswd', 'token'] as const) {
  testWith('oras/oras', `oras pulls with authentication: ${auth}`, async (t, oras) => {
    const registry = await startDockerRegistry(t, { auth });
    const large = Buffer.alloc(300_000, 'large');
    await registry.pushFiles('team/data', 'v1', { 'a file.txt': Buffer.from('hello'), 'dir/b.bin': large });
    const { directory, code, stderr } = await pull(t, oras, registry, {});
    t.is(code, 0, stderr);
    t.is(await readFile(join(directory, 'a file.txt'), 'utf8'), 'hello');
    t.deepEqual(await readFile(join(directory, 'dir/b.bin')), large);
    t.is(registry.tokenLog.length > 0, auth === 'token');
    const log = await registry.accessLog();
    t.true(log.some(({ uri, status }) => uri === '/v2/team/data/manifests/v1' && status === 200));
    t.is((await pull(t, oras, registry, { isKnown: false })).code === 0, auth === 'none');
  });
}

testWith('oras/oras', 'oras follows blobs to another origin', async (t, oras) => {
  const registry = await startDockerRegistry(t, { auth: 'token', redirectsBlobs: true });
  await registry.pushFiles('team/data', 'v1', { 'a file.txt': Buffer.from('hello') });
  const { directory, code, stderr } = await pull(t, oras, registry, {});
  t.is(code, 0, stderr);
  t.is(await readFile(join(directory, 'a file.txt'), 'utf8'), 'hello');
});

testWith(
  'oras/oras',
  'strangers pull from a public registry with tokens, and by platform',
  async (t, oras) => {
    const registry = await startDockerRegistry(t, { auth: 'token', isPublic: true });
    const manifests = [];
    for (const architecture of ['amd64', 'arm64']) {
      const { ...descriptor } = await registry.pushFiles('tool', architecture, {
        'tool.txt': Buffer.from(architecture),
      });
      manifests.push({ ...descriptor, platform: { os: 'linux', architecture } });
    }
    const index = await registry.pushManifest('tool', 'latest', { manifests }, INDEX);
    for (const reference of ['tool:latest', `tool@${index.digest}`]) {
      const args = ['--platform', 'linux/arm64'];
      const { directory, code, stderr } = await pull(t, oras, registry, { reference, args, isKnown: false });
      t.is(code, 0, stderr);
      t.is(await readFile(join(directory, 'tool.txt'), 'utf8'), 'arm64');
    }
    const response = await fetch(`${registry.origin}/v2/`);
    t.is(response.status, 401);
    t.regex(response.headers.get('www-authenticate') ?? '', /^Bearer realm="http.*",service="registry"/);
  },
);

testWith('oras/oras', 'what oras pushes is as what we push', async (t, oras) => {
  const registry = await startDockerRegistry(t);
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'f.txt'), 'hello');
  const pushed = await run('sh', [
    '-c',
    `cd "${directory}" && "${oras}" push --plain-http ${registry.host}/theirs:v1 f.txt:application/octet-stream`,
  ]);
  t.is(pushed.code, 0, pushed.stderr);
  await registry.pushFiles('ours', 'v1', { 'f.txt': Buffer.from('hello') });
  const layersOf = async (repository: string): Promise<unknown> => {
    const response = await fetch(`${registry.origin}/v2/${repository}/manifests/v1`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    });
    const text = await response.text();
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    t.is(response.headers.get('docker-content-digest'), digest);
    return (JSON.parse(text) as { layers: unknown }).layers;
  };
  t.deepEqual(await layersOf('ours'), await layersOf('theirs'));
});
