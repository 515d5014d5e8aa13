/** http and https against nginx, through a front that fails. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { createCertificate } from '../support/certificate.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';
import { startNginx } from '../support/nginx.js';
import { startedOnce } from '../support/started-once.js';
import { temporaryDirectory } from '../support/temp.js';

const nginx = startedOnce(async (all) => {
  const root = await temporaryDirectory(all);
  const serverDirectives = 'location ~ /forbidden$ { deny all; }';
  const { origin } = await startNginx(all, { root, serverDirectives });
  return { root, origin, tls: await createCertificate(all, 'IP:127.0.0.1') };
});

async function setUp(t: ExecutionContext, timeoutMs: number, isTls = false): Promise<TestedSource> {
  const { root, origin, tls } = await nginx();
  const directory = await mkdtemp(join(root, 'test-'));
  const front = await startFaultFront(t, origin, isTls ? tls : undefined);
  const http = createHttpClient({ timeoutMs, retries: 2, ca: await readFile(tls.certificate, 'utf8') });
  t.teardown(() => http.close());
  const base = `${front.origin}/${basename(directory)}`;
  return {
    client: validatingClient(http),
    front,
    forbidden: 'forbidden',
    urlOf: (name) => `${base}/${name.split('/').map(encodeURIComponent).join('/')}`,
    // nginx lists no names with a dot in front.
    canPut: (name) => !name.startsWith('.'),
    put: async (name, content) => {
      const path = join(directory, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    },
  };
}

const lacks = {
  'listed sizes': 'an index page may round them',
  'listed versions': 'an index page has none',
  'listing ends': 'an index page has no end',
  'flat keys': 'files have paths',
  hierarchy: 'http has names only',
  pages: 'an index page has all',
  archived: 'http has no archive',
  modes: 'http has none',
  expireCredentials: 'headers are configured',
  revokeCredentials: 'headers are configured',
};
testSourceFully('http', { lacks, setUp });
testSourceFully('https', { lacks, setUp: (t, timeoutMs) => setUp(t, timeoutMs, true) });
