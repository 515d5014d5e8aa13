/** The man page and the completions of shells are those of this command line, and programs accept them. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import test from 'ava';

import { documents } from '../../bin/documents/documents.js';
import { testWhere } from '../support/conditional-test.js';
import { run } from '../support/run.js';
import { temporaryDirectory } from '../support/temp.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COMPLETIONS = join(ROOT, 'deploy/completions');

function testWith(program: string): ReturnType<typeof testWhere> {
  return testWhere(spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined, program);
}

test('what is made of the option table and the command line is current', async (t) => {
  for (const [path, text] of documents()) {
    t.is(await readFile(join(ROOT, path), 'utf8'), text, `${path}: npm run docs writes it`);
  }
});

testWith('mandoc')('the man page has no faults', async (t) => {
  const { stdout } = await run('mandoc', [
    '-T',
    'lint',
    '-W',
    'warning',
    join(ROOT, 'deploy/man/d7y-mount.1'),
  ]);
  // A date would change with every release.
  t.deepEqual(
    stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date')),
    [],
  );
});

/** What bash offers for the last word. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _d7y_mount; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ['--norc', '-uec', script, 'bash', join(COMPLETIONS, 'd7y-mount.bash'), 'd7y-mount', ...words];
  const { stdout, stderr } = await run('bash', args);
  return `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
}

testWith('bash')('bash completes commands, options and values', async (t) => {
  t.deepEqual(await bashOffers('unm'), ['unmount']);
  t.deepEqual(await bashOffers('--foreground', '--tran'), ['--transport']);
  t.deepEqual(await bashOffers('--transport', ''), ['auto', 'dev-fuse', 'fuse-native']);
  t.deepEqual(await bashOffers('config', ''), ['check', 'show', 'path']);
  t.deepEqual(await bashOffers('config', 'show', '-'), ['--origin', '--json']);
  t.deepEqual(await bashOffers('--memory', ''), []);
  t.deepEqual(await bashOffers('--log-file', '/etc/host'), await bashOffers('config', 'check', '/etc/host'));
});

testWith('fish')('fish completes commands, options and values', async (t) => {
  // fish writes there, as whatever user.
  const home = await temporaryDirectory(t);
  const variables = ['HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME'].map((name) => `${name}=${home}`);
  const offers = async (line: string): Promise<string[]> => {
    const script = `source ${join(COMPLETIONS, 'd7y-mount.fish')}; complete -C ${JSON.stringify(line)}`;
    const { stdout } = await run('env', [...variables, 'fish', '--no-config', '-c', script]);
    return stdout
      .split('\n')
      .map((one) => one.replace(/\t.*/, ''))
      .filter((one) => one !== '');
  };
  t.deepEqual(await offers('d7y-mount unm'), ['unmount']);
  t.deepEqual(await offers('d7y-mount --transport '), ['auto', 'dev-fuse', 'fuse-native']);
  t.deepEqual((await offers('d7y-mount config ')).toSorted(), ['check', 'path', 'show']);
  t.deepEqual(await offers('d7y-mount config show --o'), ['--origin']);
});

testWith('zsh')('zsh accepts its completion', async (t) => {
  t.deepEqual(await run('zsh', ['-n', join(COMPLETIONS, '_d7y-mount')]), { code: 0, stdout: '', stderr: '' });
});

testWith('hadolint')('the Dockerfile has no faults', async (t) => {
  t.deepEqual(await run('hadolint', [join(ROOT, 'deploy/Dockerfile')]), { code: 0, stdout: '', stderr: '' });
});
