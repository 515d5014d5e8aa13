/** hf, modelscope and opencsg against a hub, through a front that fails. */
import type { ExecutionContext } from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { type HubKind, startHub } from '../servers/hub.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';
import { hubClient } from '../support/hub-client.js';

async function setUp(t: ExecutionContext, timeoutMs: number, kind: HubKind): Promise<TestedSource> {
  const hub = await startHub(t, kind);
  const front = await startFaultFront(t, hub.origin);
  // The listing of a model's files is cut after 3,000 entries.
  const repository = hub.repository(kind === 'modelscope' ? 'datasets' : 'models', 'Ada/repository_1');
  const root = `${kind}://${kind === 'modelscope' ? 'datasets/' : ''}Ada/repository_1/test/`;
  const credentials = { kind: 'token', token: literalSecret(hub.token) } as const;
  return {
    client: hubClient(t, kind, front.origin, { settings: { credentials }, timeoutMs }),
    front,
    urlOf: (name) => root + name.split('/').map(encodeURIComponent).join('/'),
    put: (name, content) => void hub.commit(repository, { [`test/${name}`]: content }),
    putMany: (names) =>
      void hub.commit(repository, Object.fromEntries(names.map((name) => [`test/${name}`, name]))),
    ...(kind === 'hf' && {
      revokeCredentials: () => {
        hub.token = 'another';
      },
    }),
  };
}

const lacks = {
  replacing: 'a version stays readable at its commit',
  'flat keys': 'paths in git are names',
  forbidden: 'a token may read all files of a repository, or none',
  archived: 'hubs have no archive',
  modes: 'the trees of hubs have none',
  expireCredentials: 'a token does not expire',
};

testSourceFully('hf', { lacks, setUp: (t, timeoutMs) => setUp(t, timeoutMs, 'hf') });
testSourceFully('modelscope', {
  lacks: { ...lacks, revokeCredentials: 'a wrong token reads what is public' },
  setUp: (t, timeoutMs) => setUp(t, timeoutMs, 'modelscope'),
});
testSourceFully('opencsg', {
  lacks: { ...lacks, pages: 'one listing has all files', revokeCredentials: 'checked for hf' },
  setUp: (t, timeoutMs) => setUp(t, timeoutMs, 'opencsg'),
});
