import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import test from 'ava';

import { CLI, unmounted } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';

const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));

function block(guide: string, language: string): string {
  const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(guide)?.[1];
  if (found === undefined) throw new Error(`no block of ${language}`);
  return found;
}

/** The command as it is on PATH, but that root's mount does not log to /var/log. */
const COMMAND = `#!/bin/sh
case "$1" in /*) set -- "$@" --log-file "$HOME/log" ;; esac
exec '${process.execPath}' '${CLI}' "$@"
`;

/** Nothing but HOME says where the user's files are. */
const HOMES = { XDG_CACHE_HOME: undefined, XDG_STATE_HOME: undefined, XDG_RUNTIME_DIR: undefined };

test.serial(
  'docs/PLUGINS.md, followed literally, leads from an empty file to cat and to a test',
  async (t) => {
    const guide = await readFile(join(PACKAGE, 'docs', 'PLUGINS.md'), 'utf8');
    const home = await temporaryDirectory(t);
    const bin = join(home, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'd7y-mount'), COMMAND, { mode: 0o755 });
    t.teardown(() => unmounted(join(home, 'd7y')));
    const options = {
      cwd: home,
      env: { ...process.env, ...HOMES, HOME: home, PATH: `${bin}:${process.env['PATH']}` },
    };
    const script = `umask 022\n${block(guide, 'sh')}`;
    const { stdout } = await promisify(execFile)('sh', ['-euc', script], options);
    t.is(stdout, block(guide, 'text'));

    await mkdir(join(home, 'node_modules'));
    await symlink(PACKAGE, join(home, 'node_modules', 'd7y-mount'));
    await writeFile(join(home, 'hello.test.mjs'), block(guide, 'js'));
    const tested = await promisify(execFile)(process.execPath, ['--test', 'hello.test.mjs'], options);
    t.regex(tested.stdout, /pass 1\n.*fail 0\n/s);
  },
);
