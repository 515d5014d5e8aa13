import { spawn } from 'node:child_process';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort, untilConnects } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { sharedKeyOf } from './blob/shared-key.js';
import { encodeStrictly } from './bucket/signatures.js';

export interface Azurite {
  readonly account: string;
  readonly key: string;
  /** The endpoint of the account. */
  readonly endpoint: string;
  createContainer(container: string): Promise<void>;
  put(container: string, name: string, content: Uint8Array | string): Promise<void>;
}

/** What azurite has for everybody. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Azure's own emulator, where `npm run test:servers` has installed it (`findTool`); killed when the test ends. */
export async function startAzurite(t: ExecutionContext, program: string): Promise<Azurite> {
  const port = await freePort();
  const directory = await temporaryDirectory(t);
  const args = ['--disableTelemetry', '--skipApiVersionCheck', '--silent', '--blobHost', '127.0.0.1'];
  const child = spawn(
    process.execPath,
    [program, ...args, '--blobPort', String(port), '-l', directory, '--debug', join(directory, 'debug.log')],
    { stdio: 'ignore' },
  );
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.kill('SIGKILL')) await ended;
  });
  await untilConnects(port);
  const origin = `http://127.0.0.1:${port}`;
  const send = async (
    rawPath: string,
    query: string,
    own: Record<string, string>,
    content: Buffer,
  ): Promise<void> => {
    const header = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-12-02', ...own };
    const length = { 'content-length': String(content.byteLength) };
    const request = {
      method: 'PUT',
      rawPath,
      query: new URLSearchParams(query),
      header: { ...header, ...length },
    };
    const authorization = sharedKeyOf(request, ACCOUNT, KEY);
    const response = await fetch(`${origin}${rawPath}${query === '' ? '' : `?${query}`}`, {
      method: 'PUT',
      headers: { ...header, authorization },
      body: content,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`PUT ${rawPath}: ${response.status} ${text}`);
  };
  return {
    account: ACCOUNT,
    key: KEY,
    endpoint: `${origin}/${ACCOUNT}`,
    createContainer: (container) =>
      send(`/${ACCOUNT}/${container}`, 'restype=container', {}, Buffer.alloc(0)),
    put: (container, name, content) =>
      send(
        `/${ACCOUNT}/${container}/${encodeStrictly(name)}`,
        '',
        { 'content-type': 'application/octet-stream', 'x-ms-blob-type': 'BlockBlob' },
        Buffer.from(content),
      ),
  };
}
