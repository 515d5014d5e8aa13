import type { KeyPath } from './yaml-file.js';

/** Keys whose values are secrets as a rule; ids, users and accounts are not. */
const SECRET_NAME =
  /secret|token|password|passw|authorization|cookie|api-?key|^key$|^sas$|^json$|credential/i;

/** Where a secret stands in the clear: neither `${NAME}`, `file:`, nor a command. */
export function plainSecretIn(value: unknown, at: KeyPath = []): KeyPath | undefined {
  if (typeof value === 'string') return isPlain(value) && isSecret(String(at.at(-1)), value) ? at : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, one] of Object.entries(value)) {
    // `credentials: anonymous`, and a key of TLS, which is a path.
    if (typeof one === 'string' && (key === 'credentials' || (key === 'key' && at.at(-1) === 'tls')))
      continue;
    const found = plainSecretIn(one, [...at, Array.isArray(value) ? Number(key) : key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isSecret(key: string, text: string): boolean {
  return SECRET_NAME.test(key) || (key === 'proxy' && text.includes('@'));
}

function isPlain(text: string): boolean {
  return text !== '' && !text.startsWith('file:') && !text.includes('${');
}
