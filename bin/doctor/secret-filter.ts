import process from 'node:process';

import type { SecretSource } from '../../src/source/auth/secret-source.js';
import type { Configuration } from '../config/configuration.js';
import { secretsIn } from '../config/secrets-in.js';

/** Shorter ones are part of other words. */
const MIN_CHARS = 4;
const SECRET_VARIABLE = /secret|token|passw|api_?key|_key$|_sas|credential|authorization/i;

/** Replaces all secrets that this process can know, in whatever text they stand: what is passed on has none of them. */
export async function secretFilter(
  { rules, plugins }: Configuration,
  urls: readonly string[],
): Promise<(text: string) => string> {
  const values = [
    ...(await Promise.all(rules.flatMap(({ settings }) => secretsIn(settings)).map(valueOf))),
    ...Object.values(plugins).flatMap((options) => Object.values(options)),
    ...ofEnvironment(),
    ...urls.flatMap(ofUrl),
  ];
  const known = new Set(values.filter((value) => value.length >= MIN_CHARS).flatMap(formsOf));
  // A longer one may contain a shorter one.
  const sorted = [...known].toSorted((a, b) => b.length - a.length);
  return (text) => sorted.reduce((rest, one) => rest.replaceAll(one, '***'), text);
}

/** No command is run for it. */
async function valueOf(secret: SecretSource): Promise<string> {
  if (secret.identity.reveal().startsWith('command:')) return '';
  return await secret.get().then(
    (value) => value.reveal(),
    () => '',
  );
}

function ofEnvironment(): string[] {
  return Object.entries(process.env).flatMap(([name, value = '']) => {
    if (/_proxy$/i.test(name)) return ofUrl(value);
    // `file:PATH` and paths name one.
    return SECRET_VARIABLE.test(name) && !/^(?:file:|[/~])/.test(value) ? [value] : [];
  });
}

/** The user and password of a URL, and the values of its query, which may be a signature. */
function ofUrl(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const { password, searchParams } = new URL(text);
  return [decoded(password), ...searchParams.values()];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** As it may be written in URLs, JSON and headers. */
function formsOf(value: string): string[] {
  return [
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    Buffer.from(value).toString('base64'),
  ];
}
