/** oras against Debian's docker-registry with tokens, through a front that fails. */
import { pino } from 'pino';
import type { ExecutionContext } from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { createOras } from '../../src/source/schemes/oras/create-oras.js';
import type { OrasSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';
import { startedOnce } from '../support/started-once.js';

const started = startedOnce((all) => startDockerRegistry(all, { auth: 'token' }));
let repositories = 0;

async function setUp(t: ExecutionContext, timeoutMs: number): Promise<TestedSource> {
  const registry = await started();
  const front = await startFaultFront(t, registry.origin);
  const engine = createHttpEngine({ timeoutMs, retries: 2 });
  t.teardown(() => engine.close());
  const settings: OrasSettings = {
    credentials: { kind: 'password', user: registry.user, password: literalSecret(registry.password) },
  };
  const client = createOras({
    scheme: 'oras',
    engine,
    settingsFor: () => settings,
    log: pino({ enabled: false }),
    timeoutMs,
    retries: 2,
  });
  const repository = `team/test-${(repositories += 1)}`;
  const files: Record<string, Uint8Array> = {};
  const challenge = (await fetch(`${registry.origin}/v2/`)).headers.get('www-authenticate') ?? '';
  const refusal = { status: 401, header: { 'www-authenticate': challenge } };
  return {
    client: validatingClient(client),
    front,
    urlOf: (name) =>
      `oras://${front.host}/${repository}:v1/${name.split('/').map(encodeURIComponent).join('/')}`,
    put: async (name, content) => {
      files[name] = content;
      await pushAll(registry, repository, files);
    },
    putMany: async (names) => {
      for (const name of names) files[name] = Buffer.from(name);
      await pushAll(registry, repository, files);
    },
    expireCredentials: () => front.add({ answer: refusal, times: 1 }),
    revokeCredentials: () => front.add({ answer: refusal }),
  };
}

async function pushAll(
  registry: DockerRegistry,
  repository: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  await registry.pushFiles(repository, 'v1', files);
}

const lacks = {
  replacing: 'a version stays readable by its digest',
  pages: 'a manifest has all files',
  'flat keys': 'titles are paths',
  forbidden: 'a login may pull all files of a repository, or none',
  archived: 'registries have no archive',
  modes: 'a layer has none',
};
testSourceFully('oras', { lacks, setUp });
