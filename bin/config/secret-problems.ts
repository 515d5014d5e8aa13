import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import type { SecretSource } from '../../src/source/auth/secret-source.js';
import { messageOf } from '../../src/error-code.js';
import type { SourceRule } from '../../src/source/source-rules.js';
import { secretsIn } from './secrets-in.js';

const READABLE_BY_OTHERS = 0o044;

/** What is wrong with secrets in files, and with commands that print some. No command is run. */
export async function secretProblems(rules: readonly SourceRule[]): Promise<string[]> {
  const found = await Promise.all(
    rules.flatMap(({ settings, origin }) =>
      secretsIn(settings).map(async (secret) => {
        const problem = await problemOf(secret);
        return problem === undefined ? [] : [`${origin}: ${problem}`];
      }),
    ),
  );
  return [...new Set(found.flat())];
}

async function problemOf(secret: SecretSource): Promise<string | undefined> {
  const [, kind, rest = ''] = /^(file|command):(.*)$/s.exec(secret.identity.reveal()) ?? [];
  if (kind === 'file') return await problemOfFile(secret, rest);
  if (kind === 'command') return await problemOfCommand(rest);
  return undefined;
}

async function problemOfFile(secret: SecretSource, path: string): Promise<string | undefined> {
  try {
    await secret.get();
    const { mode } = await stat(path);
    if ((mode & READABLE_BY_OTHERS) === 0) return undefined;
    return `file:${path}: other users can read it (mode ${(mode & 0o777).toString(8)}); chmod 600`;
  } catch (error) {
    return messageOf(error);
  }
}

/** `words`: in JSON. */
async function problemOfCommand(words: string): Promise<string | undefined> {
  const [program = ''] = JSON.parse(words) as string[];
  return (await isExecutable(program))
    ? undefined
    : `command: ${program}: is no program that can be executed`;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** By its path, or by its name on PATH. */
export async function isExecutable(program: string): Promise<boolean> {
  const directories = (process.env['PATH'] ?? '').split(':').filter((directory) => directory !== '');
  const places = program.includes('/') ? [program] : directories.map((directory) => join(directory, program));
  return (await Promise.all(places.map(isProgram))).includes(true);
}
