import { spawn } from 'node:child_process';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort, untilConnects } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';

export interface Azurite {
  readonly account: string;
  readonly key: string;
  /** The endpoint of the account. */
  readonly endpoint: string;
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
  return { account: ACCOUNT, key: KEY, endpoint: `http://127.0.0.1:${port}/${ACCOUNT}` };
}
