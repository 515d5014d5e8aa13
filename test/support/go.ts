import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { EXAMPLES } from './plugins.js';

const execute = promisify(execFile);

/** Plugins in Go, and the declarations of Dragonfly that they need. */
const SOURCES = fileURLToPath(new URL('../../../test/go/', import.meta.url));

/** Kept from one run to the next: compiling the standard library takes half a minute. */
const BUILD_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/go-build/', import.meta.url));

/** Where the Go command is; undefined: nowhere. */
export function findGo(): string | undefined {
  for (const directory of [...(process.env['PATH'] ?? '').split(':'), '/usr/local/go/bin']) {
    const path = join(directory, 'go');
    if (existsSync(path)) return path;
  }
  return undefined;
}

/**
 * Builds a plugin of `test/go` as its README says: with the adapter's files in a folder of its own. Dragonfly
 * is replaced by its declarations, so that nothing is fetched. Returns the path of the program.
 */
export async function buildGoPlugin(
  go: string,
  name: string,
  workshop: string,
  into: string,
): Promise<string> {
  const folder = join(workshop, name);
  const adapter = join(folder, 'adapter');
  await mkdir(adapter, { recursive: true });
  await cp(join(SOURCES, name), folder, { recursive: true });
  const parts = await readdir(join(EXAMPLES, 'go-adapter'));
  for (const part of parts.filter((file) => file.endsWith('.go'))) {
    await copyFile(join(EXAMPLES, 'go-adapter', part), join(adapter, part));
  }
  await writeFile(
    join(folder, 'go.mod'),
    `module example.com/plugin\n\ngo 1.19\n\nrequire d7y.io/dragonfly/v2 v2.1.0\n
replace d7y.io/dragonfly/v2 => ${join(SOURCES, 'dragonfly')}\n`,
  );
  const program = join(into, `d7y-resource-plugin-${name}`);
  const env = {
    ...process.env,
    GOCACHE: BUILD_CACHE,
    // For its telemetry.
    XDG_CONFIG_HOME: join(workshop, 'config'),
    GOFLAGS: '-mod=mod -buildvcs=false',
    GOPROXY: 'off',
    GOSUMDB: 'off',
    GOWORK: 'off',
    GOTOOLCHAIN: 'local',
    // So that no C compiler is needed.
    CGO_ENABLED: '0',
  };
  await execute(go, ['vet', './...'], { cwd: folder, env });
  await execute(go, ['build', '-o', program, '.'], { cwd: folder, env });
  await chmod(program, 0o755);
  return program;
}
