/** webdav against Apache, nginx and lighttpd, through a front that fails. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { fileSecret } from '../../src/source/auth/secret-source.js';
import { Request } from '../../src/source/request.js';
import type { WebdavSettings } from '../../src/source/settings.js';
import { PASSWORD, startWebdav, type WebdavServerName } from '../servers/webdav.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { webdavClient } from '../support/webdav-client.js';

/** Hidden files are not in the listings of dav-ext; lighttpd refuses control characters, encoded or not. */
const UNNAMEABLE: Readonly<Partial<Record<WebdavServerName, RegExp>>> = {
  'nginx dav-ext': /^\./,
  lighttpd: /\p{Cc}/u,
};

async function setUp(t: ExecutionContext, timeoutMs: number, name: WebdavServerName): Promise<TestedSource> {
  const server = await startWebdav(t, name);
  const front = await startFaultFront(t, server.origin);
  const secret = join(await temporaryDirectory(t), 'password');
  await writeFile(secret, PASSWORD);
  const settings: WebdavSettings = {
    credentials: { kind: 'password', user: 'ada', password: fileSecret(secret) },
    root: '/test',
  };
  const client = webdavClient(t, { settingsFor: () => settings, timeoutMs });
  const urlOf = (path: string): string =>
    `webdav://${front.host}/${path.split('/').map(encodeURIComponent).join('/')}`;
  await server.put('test/forbidden', 'x');
  // A read that shows that the tags of listings are those of reads.
  await server.put('known', 'x');
  await server.put('test/known', 'x');
  // The deadline of a check may be too short for the first one on a busy machine.
  await until('a file was read', async () => {
    const known = await client.getMetadata(new Request(urlOf('known'))).catch(() => undefined);
    known?.response?.cancel();
    return known !== undefined;
  });
  return {
    client,
    front,
    forbidden: 'forbidden',
    urlOf: (path) => urlOf(`dir of test/${path}`.replace('dir of test/forbidden', 'forbidden')),
    canPut: (path) => !UNNAMEABLE[name]?.test(path),
    put: (path, content) => server.put(`test/dir of test/${path}`, content),
    expireCredentials: async () => {
      await server.setPassword('second password');
      await writeFile(secret, 'second password');
    },
    revokeCredentials: () => server.setPassword('another'),
  };
}

const lacks = {
  archived: 'WebDAV has no archive',
  modes: 'WebDAV has none',
  pages: 'a listing is one document',
  'flat keys': 'paths of a file system are names',
};

testSourceFully('webdav of Apache', { lacks, setUp: (t, ms) => setUp(t, ms, 'Apache mod_dav') });
testSourceFully('webdav of nginx', {
  lacks: { ...lacks, 'listed versions': 'dav-ext lists no tags' },
  setUp: (t, ms) => setUp(t, ms, 'nginx dav-ext'),
});
testSourceFully('webdav of lighttpd', { lacks, setUp: (t, ms) => setUp(t, ms, 'lighttpd') });
