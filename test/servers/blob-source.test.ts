/** The source abs against azurite, by the suite of all sources. */
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { createBlobSource } from '../../src/source/schemes/blob/create-blob-source.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';
import { startedOnce } from '../support/started-once.js';
import { type Azurite, startAzurite } from './azurite.js';
import { findTool } from './tools.js';

const CONTAINER = 'data';
let directories = 0;

async function setUp(t: ExecutionContext, azurite: Azurite, timeoutMs: number): Promise<TestedSource> {
  const front = await startFaultFront(t, new URL(azurite.endpoint).origin);
  const engine = createHttpEngine({ timeoutMs, retries: 2 });
  t.teardown(() => engine.close());
  const settings = {
    endpoint: new URL(front.origin),
    credentials: { kind: 'key', account: azurite.account, key: literalSecret(azurite.key) },
  } as const;
  const log = pino({ enabled: false });
  const context = { scheme: 'abs', engine, settingsFor: () => settings, log, timeoutMs, retries: 2 };
  const directory = `test-${(directories += 1)}`;
  return {
    client: validatingClient(createBlobSource(context)),
    front,
    urlOf: (name) => `abs://${CONTAINER}/${directory}/${name.split('/').map(encodeURIComponent).join('/')}`,
    // Azurite cannot list a name with a control character (500), and takes a backslash for a slash.
    canPut: (name) => !/[\p{Cc}\\]/u.test(name),
    put: (name, content) => azurite.put(CONTAINER, `${directory}/${name}`, content),
  };
}

const found = findTool('azurite/node_modules/azurite/dist/src/blob/main.js');
if ('missing' in found) {
  test.skip(`abs on azurite (${found.missing})`, () => undefined);
} else {
  const started = startedOnce(async (all) => {
    const azurite = await startAzurite(all, found.path);
    await azurite.createContainer(CONTAINER);
    return azurite;
  });
  testSourceFully('abs on azurite', {
    isSerial: true,
    lacks: {
      forbidden: 'one key reads all',
      archived: 'it has no archive',
      modes: 'blobs have none',
      expireCredentials: 'its key does not expire',
      revokeCredentials: 'its key stays',
      'flat keys': 'fetch cannot put such keys',
      pages: 'its pages have 5,000 entries',
    },
    setUp: async (t, timeoutMs) => await setUp(t, await started(), timeoutMs),
  });
}
