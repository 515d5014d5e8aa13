import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort, untilConnects } from './port.js';
import { temporaryDirectory } from './temp.js';

export interface LighttpdOptions {
  readonly root: string;
  readonly modules: readonly string[];
  readonly directives: readonly string[];
}

/** A real lighttpd on a free port of loopback; killed when the test ends. Returns its host with the port. */
export async function startLighttpd(t: ExecutionContext, options: LighttpdOptions): Promise<string> {
  const { root, modules, directives } = options;
  const port = await freePort();
  const config = join(await temporaryDirectory(t), 'lighttpd.conf');
  const lines = [
    `server.document-root = "${root}"`,
    'server.bind = "127.0.0.1"',
    `server.port = ${port}`,
    `server.modules = (${modules.map((name) => `"mod_${name}"`).join(', ')})`,
    ...directives,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const child = spawn('/usr/sbin/lighttpd', ['-D', '-f', config], { stdio: 'ignore' });
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  });
  await untilConnects(port);
  return `127.0.0.1:${port}`;
}
