/** The source webdav against servers that others wrote. */
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { Request } from '../../src/source/request.js';
import type { WebdavSettings } from '../../src/source/settings.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import type { Need } from '../support/conformance/tested-source.js';
import { startFaultFront } from '../support/fault-front.js';
import { webdavClient } from '../support/webdav-client.js';
import { RCLONE_CACHE_MS, startRcloneWebdav, type StartStrongWebdav, startWsgidav } from './strong-webdav.js';
import { findTool } from './tools.js';
import { PASSWORD, startWebdavServer } from './webdav.js';

interface StrongServer {
  readonly tool: string;
  readonly start: StartStrongWebdav;
  /** For how long it remembers a directory. */
  readonly cacheMs?: number;
  readonly canPut?: (name: string) => boolean;
  readonly lacks?: Readonly<Partial<Record<Need, string>>>;
}

async function setUp(
  t: ExecutionContext,
  timeoutMs: number,
  { start, canPut, cacheMs = 0 }: StrongServer,
  program: string,
): Promise<TestedSource> {
  const server = await startWebdavServer(t, (all, root) => start(all, program, root));
  const front = await startFaultFront(t, server.origin);
  const settings: WebdavSettings = {
    credentials: { kind: 'password', user: 'ada', password: literalSecret(PASSWORD) },
  };
  const client = webdavClient(t, { settingsFor: () => settings, timeoutMs });
  const settled = async (): Promise<void> => await sleep(2 * cacheMs);
  const urlOf = (path: string): string =>
    `webdav://${front.host}/test/${path.split('/').map(encodeURIComponent).join('/')}`;
  await server.put('test/known', 'x');
  const known = await client.getMetadata(new Request(urlOf('known')));
  known.response?.cancel();
  return {
    client,
    front,
    ...(canPut && { canPut }),
    urlOf: (path) => urlOf(`dir/${path}`),
    put: async (path, content) => {
      await server.put(`test/dir/${path}`, content);
      await settled();
    },
    putMany: async (names) => {
      for (const name of names) await server.put(`test/dir/${name}`, name);
      await settled();
    },
  };
}

const LACKS = {
  archived: 'WebDAV has no archive',
  modes: 'WebDAV has none',
  pages: 'a listing is one document',
  'flat keys': 'paths of a file system are names',
  forbidden: 'one user may read all',
  expireCredentials: 'its password stays',
  revokeCredentials: 'its password stays',
};

const SERVERS: Readonly<Record<string, StrongServer>> = {
  'rclone serve webdav': {
    tool: 'python/bin/rclone',
    start: startRcloneWebdav,
    cacheMs: RCLONE_CACHE_MS,
    // It takes the two forms of a name for one, and has pictures of control characters.
    canPut: (name) => name.normalize('NFC') === name && !/\p{Cc}/u.test(name),
  },
  WsgiDAV: { tool: 'python/bin/wsgidav', start: startWsgidav('basic') },
  'WsgiDAV by Digest': { tool: 'python/bin/wsgidav', start: startWsgidav('digest') },
};

for (const [name, server] of Object.entries(SERVERS)) {
  const found = findTool(server.tool);
  if ('missing' in found) {
    test.skip(`${name} (${found.missing})`, () => undefined);
  } else {
    testSourceFully(`webdav of ${name}`, {
      lacks: { ...LACKS, ...server.lacks },
      isSerial: true,
      setUp: (t, timeoutMs) => setUp(t, timeoutMs, server, found.path),
    });
  }
}
