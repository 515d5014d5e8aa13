import type { SecretSource } from '../../src/source/auth/secret-source.js';
import { messageOf } from '../../src/error-code.js';
import type { SourceRule } from '../../src/source/source-rules.js';

/** Which files of secrets cannot be read. No command is run. */
export async function missingSecrets(rules: readonly SourceRule[]): Promise<string[]> {
  const found = await Promise.all(
    rules.flatMap(({ settings, origin }) =>
      filesIn(settings).map(async (secret) => {
        try {
          await secret.get();
          return [];
        } catch (error) {
          return [`${origin}: ${messageOf(error)}`];
        }
      }),
    ),
  );
  return [...new Set(found.flat())];
}

function filesIn(value: unknown): SecretSource[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isSecret(value)) return value.identity.reveal().startsWith('file:') ? [value] : [];
  return Object.values(value).flatMap(filesIn);
}

function isSecret(value: object): value is SecretSource {
  return 'identity' in value && 'renew' in value;
}
