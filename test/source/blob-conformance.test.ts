/** abs against a server that checks its signatures, through a front that fails. */
import type { ExecutionContext } from 'ava';

import { startBlobServer } from '../servers/blob/blob-server.js';
import { blobClient } from '../support/blob-client.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';

async function setUp(t: ExecutionContext, timeoutMs: number): Promise<TestedSource> {
  const server = await startBlobServer(t);
  const front = await startFaultFront(t, server.origin);
  server.pageSize = 1000;
  server.refuse('AuthorizationPermissionMismatch', { part: '/forbidden' });
  server.put('data', 'archived', 'x', { isArchived: true });
  return {
    client: blobClient(t, server, { settings: { endpoint: new URL(front.origin) }, timeoutMs }),
    front,
    forbidden: 'forbidden',
    archived: 'archived',
    urlOf: (name) => {
      const path = name.split('/').map(encodeURIComponent).join('/');
      return `abs://data/${name === 'archived' ? '' : 'test/'}${path}`;
    },
    put: (name, content) => void server.put('data', `test/${name}`, content),
    revokeCredentials: () => server.refuse('AuthenticationFailed'),
  };
}

testSourceFully('abs', {
  lacks: { expireCredentials: 'a key does not expire', modes: 'blobs have none' },
  setUp,
});
