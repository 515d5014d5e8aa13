import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort, untilConnects } from './port.js';
import { temporaryDirectory } from './temp.js';

/** A real Apache on a free port of loopback, with Debian's index settings; killed when the test ends. */
export async function startApache(t: ExecutionContext, root: string, indexOptions: string): Promise<string> {
  const prefix = await temporaryDirectory(t);
  const port = await freePort();
  const config = join(prefix, 'apache.conf');
  const modules = ['mpm_event', 'authz_core', 'autoindex', 'dir', 'mime'];
  await writeFile(
    config,
    `
    ServerRoot ${prefix}
    ServerName 127.0.0.1
    Listen 127.0.0.1:${port}
    PidFile ${prefix}/pid
    Mutex file:${prefix}
    ErrorLog ${prefix}/error.log
    ${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
    TypesConfig /dev/null
    DocumentRoot ${root}
    <Directory ${root}>
      Options Indexes
      IndexOptions ${indexOptions}
      Require all granted
    </Directory>
    `,
  );
  const child = spawn('/usr/sbin/apache2', ['-f', config, '-D', 'FOREGROUND'], {
    detached: true,
    stdio: 'ignore',
  });
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await ended;
  });
  await untilConnects(port);
  return `127.0.0.1:${port}`;
}
