import process from 'node:process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';

import type { SecretSource } from '../../src/source/auth/secret-source.js';
import { faultLine } from '../config/configuration-error.js';
import { isExecutable } from '../config/secret-problems.js';
import { fail, type Finding, ok, warn } from './check.js';
import { isSeen, lookAt } from './look-outside.js';
import { secretsIn } from '../config/secrets-in.js';
import type { SetUp } from './set-up.js';

export function checkConfiguration({ configuration, faults }: SetUp): Finding[] {
  const { files, warnings } = configuration;
  if (faults.length > 0) {
    return faults.map((fault) =>
      fail(
        faultLine(fault),
        'correct that place; `d7y-mount config check` says whether it is right. The other checks are of the defaults',
      ),
    );
  }
  const read =
    files.length === 0
      ? 'there is no configuration file: the defaults count'
      : `${files.join(', ')}: no faults`;
  return [
    ok(read),
    ...warnings.map((message) =>
      warn(message, 'see docs/CONFIGURATION.md; `d7y-mount config show --origin` shows what is effective'),
    ),
  ];
}

/** Files and programs that secrets come from. No program is run. */
export async function checkSecrets({ configuration }: SetUp): Promise<Finding[]> {
  const findings = new Map<string, Finding>();
  for (const { settings, origin } of configuration.rules) {
    for (const secret of secretsIn(settings)) {
      const identity = secret.identity.reveal();
      const finding = await secretFinding(secret, origin);
      if (finding !== undefined) findings.set(identity, finding);
    }
    const { tls } = settings as { readonly tls?: Readonly<Record<string, unknown>> };
    for (const path of [tls?.['ca'], tls?.['cert'], tls?.['key']]) {
      if (typeof path === 'string')
        findings.set(path, await fileFinding(path, origin, path === tls?.['key']));
    }
  }
  return [...findings.values()];
}

async function secretFinding(secret: SecretSource, origin: string): Promise<Finding | undefined> {
  const identity = secret.identity.reveal();
  if (identity.startsWith('file:')) return await fileFinding(identity.slice('file:'.length), origin, true);
  if (!identity.startsWith('command:')) return undefined;
  const [program = ''] = JSON.parse(identity.slice('command:'.length)) as string[];
  if (await isExecutable(program)) return ok(`${origin}: ${program} can be run`);
  return fail(
    `${origin}: the program ${program}, which prints a secret, cannot be run`,
    'correct its path in the configuration, or install it',
  );
}

const READABLE_BY_OTHERS = 0o044;

async function fileFinding(path: string, origin: string, isSecret: boolean): Promise<Finding> {
  const found = await lookAt(path);
  if (!isSeen(found)) {
    return fail(
      `${origin}: ${path} cannot be read (${found.reason})`,
      'correct the path in the configuration, or put the file there',
    );
  }
  const isReadable = await access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
  if (!isReadable) {
    return fail(
      `${origin}: ${path} cannot be read by this user`,
      `as its owner (user ${found.uid}): \`chown ${process.getuid?.() ?? ''} ${path}\`, and \`chmod 600 ${path}\``,
    );
  }
  if (isSecret && (found.mode & READABLE_BY_OTHERS) !== 0)
    return warn(`${origin}: other users can read ${path}`, `\`chmod 600 ${path}\``);
  return ok(`${origin}: ${path} can be read`);
}
