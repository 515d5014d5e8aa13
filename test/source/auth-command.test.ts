import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { CommandError, outputOf, runCommand } from '../../src/source/auth/run-command.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

test('a command gets its arguments and its input as they are', async (t) => {
  t.deepEqual(await runCommand(['sh', '-c', 'cat; printf %s "$1"; exit 4', 'sh', '$HOME *'], 'in'), {
    code: 4,
    stdout: 'in$HOME *',
  });
  t.deepEqual(await runCommand(['true'], 'x'.repeat(1 << 20)), { code: 0, stdout: '' }, 'it need not read');
  t.is(await outputOf(['echo', 'text']), 'text\n');
});

test('a command that fails, hangs or prints without end is an error without its output', async (t) => {
  const secret = 'top-secret';
  const cases: [readonly string[], RegExp][] = [
    [['sh', '-c', `echo ${secret}; echo ${secret} >&2; exit 3`], /^it ended with code 3$/],
    [['sh', '-c', `echo ${secret}; kill -9 $$`], /^it was killed$/],
    [['yes', secret], /^it prints too much$/],
    [['/nowhere/program', secret], /^it cannot be started: ENOENT$/],
  ];
  for (const [words, message] of cases) {
    await t.throwsAsync(outputOf(words), { instanceOf: CommandError, message });
  }
  await t.throwsAsync(runCommand(['sleep', '60'], '', 50), {
    instanceOf: CommandError,
    message: /^it takes longer than 0.05 s$/,
  });
});

test('what it leaves behind is not waited for, and is killed if it takes too long', async (t) => {
  const file = join(await temporaryDirectory(t), 'pid');
  const left = Number(await outputOf(['sh', '-c', 'sleep 60 & echo $!']));
  t.false(isGone(left));
  process.kill(left);
  const hangs = runCommand(['sh', '-c', 'sleep 60 & echo $! > "$1"; wait', 'sh', file], '', 1_000);
  await t.throwsAsync(hangs, { instanceOf: CommandError });
  const pid = Number(await readFile(file, 'utf8'));
  await until('the process is gone', () => isGone(pid));
  t.pass();
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
