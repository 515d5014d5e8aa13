/** hdfs against name nodes and a data node of the tests, each behind a front that fails. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { fileSecret } from '../../src/source/auth/secret-source.js';
import { startHdfsServer } from '../servers/hdfs/hdfs-server.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { type FaultFront, startFaultFront } from '../support/fault-front.js';
import { hdfsClient, rootsOf } from '../support/hdfs-client.js';
import { temporaryDirectory } from '../support/temp.js';

/** One front of two: a body that is cut or drips is the data node's, or a listing; the rest is for the name node. */
function bothFronts(name: FaultFront, data: FaultFront): FaultFront {
  return {
    host: name.host,
    origin: name.origin,
    get requests() {
      return [...name.requests, ...data.requests];
    },
    add: (fault) => {
      const isOfBodies = fault.cutAfterBytes !== undefined || fault.drip !== undefined;
      if (isOfBodies) data.add(fault);
      name.add(
        isOfBodies ? { ...fault, meets: ({ url }) => url?.includes('op=LISTSTATUS') === true } : fault,
      );
    },
    clear: () => {
      name.clear();
      data.clear();
    },
  };
}

function setUpAs(kind: 'webhdfs' | 'httpfs') {
  return async (t: ExecutionContext, timeoutMs: number): Promise<TestedSource> => {
    const { server, nameNodes, dataNode } = await startHdfsServer(t);
    const name = await startFaultFront(t, nameNodes[0].origin);
    const data = await startFaultFront(t, dataNode.origin);
    const tokenFile = join(await temporaryDirectory(t), 'token');
    const renew = async (token: string): Promise<void> => {
      server.token = token;
      await writeFile(tokenFile, token, { mode: 0o600 });
    };
    await renew('first');
    server.dataHost = data.host;
    server.isHttpFs = kind === 'httpfs';
    server.refuse('AccessControlException', { part: 'forbidden', message: 'Permission denied: user=ada' });
    return {
      client: hdfsClient(
        t,
        { namenodes: rootsOf(name), credentials: { kind: 'token', token: fileSecret(tokenFile) } },
        { timeoutMs },
      ),
      front: kind === 'httpfs' ? name : bothFronts(name, data),
      forbidden: 'forbidden',
      urlOf: (path) => `hdfs://cluster/test/${path.split('/').map(encodeURIComponent).join('/')}`,
      // A colon is part of no name in HDFS.
      canPut: (path) => !path.includes(':'),
      put: (path, content) => server.files.put(`/test/${path}`, content),
      chmod: (path, mode) => server.files.chmod(`/test/${path}`, mode),
      expireCredentials: () => renew('second'),
      revokeCredentials: () => server.refuse('InvalidToken'),
    };
  };
}

const LACKS = {
  archived: 'files are not archived',
  'flat keys': 'names are exact',
} as const;

testSourceFully('hdfs', { lacks: LACKS, setUp: setUpAs('webhdfs') });
testSourceFully('hdfs by HttpFS', {
  lacks: { ...LACKS, pages: 'it has none before Hadoop 3' },
  setUp: setUpAs('httpfs'),
});
