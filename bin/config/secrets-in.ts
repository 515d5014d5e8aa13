import type { SecretSource } from '../../src/source/auth/secret-source.js';

/** All secrets of the settings of a rule. */
export function secretsIn(settings: unknown): SecretSource[] {
  if (typeof settings !== 'object' || settings === null || settings instanceof URL) return [];
  if (isSecret(settings)) return [settings];
  return Object.values(settings).flatMap(secretsIn);
}

function isSecret(value: object): value is SecretSource {
  return 'identity' in value && 'renew' in value;
}
