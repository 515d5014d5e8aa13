/** Credentials that the configuration has in a rule, as keys and tokens that are valid now. */
import type { Awaitable } from '../../awaitable.js';
import { SourceError } from '../errors.js';
import type { Command, Keys, Token } from '../settings.js';
import type { BearerToken, CredentialProvider } from './credentials.js';
import type { Secret } from './secret.js';
import type { SecretSource } from './secret-source.js';
import type { AccessKey } from './signer.js';

/** What was refused is not read anew more often than this. */
const RENEW_INTERVAL_MS = 5_000;
/** What a command printed is replaced so long before it expires. */
const EXPIRY_MARGIN_MS = 60_000;

export function configuredKeys(credentials: Keys | Command): CredentialProvider<AccessKey> {
  if (credentials.kind === 'command') {
    return new ConfiguredCredentials({ output: credentials.output }, ({ output }) => keysOfProcess(output));
  }
  const { accessKeyId, accessKeySecret, sessionToken } = credentials;
  return new ConfiguredCredentials(
    { accessKeyId, accessKeySecret, ...(sessionToken && { sessionToken }) },
    (texts): AccessKey => texts,
  );
}

export function configuredToken(credentials: Token | Command): CredentialProvider<BearerToken> {
  return new ConfiguredCredentials({ text: tokenSource(credentials) }, ({ text }) =>
    tokenOf(credentials, text),
  );
}

/** `Authorization: Bearer …` */
export function configuredBearer(
  credentials: Token | Command,
): CredentialProvider<{ readonly header: Readonly<Record<string, string>> }> {
  return new ConfiguredCredentials({ text: tokenSource(credentials) }, ({ text }) => {
    const { token, ...expires } = tokenOf(credentials, text);
    return { header: { authorization: `Bearer ${token}` }, ...expires };
  });
}

/** `headers` of the settings, to be sent to the origin of the rule alone. */
export function configuredHeaders(
  headers: Readonly<Record<string, SecretSource>>,
): CredentialProvider<{ readonly header: Readonly<Record<string, string>> }> {
  return new ConfiguredCredentials(headers, (header) => ({ header }));
}

/** Made of the values of secrets, which are read anew when they were refused or expire. */
export class ConfiguredCredentials<
  Name extends string,
  Credentials extends object,
> implements CredentialProvider<Credentials> {
  readonly #sources: readonly (readonly [Name, SecretSource])[];
  readonly #make: (texts: Record<Name, string>) => Credentials;
  #made: { readonly secrets: readonly Secret[]; readonly credentials: Credentials } | undefined;
  #renewedAtMs = -Infinity;
  #isRefused = false;

  constructor(
    sources: { readonly [Key in Name]?: SecretSource },
    make: (texts: Record<Name, string>) => Credentials,
  ) {
    this.#sources = Object.entries(sources) as [Name, SecretSource][];
    this.#make = make;
  }

  get(): Awaitable<Credentials> {
    const made = this.#made;
    if (made === undefined || this.#isRefused || expiresSoon(made.credentials)) return this.#renewed();
    const isCurrent = this.#sources.every(([, { known }], i) => known === made.secrets[i]);
    return isCurrent ? made.credentials : this.#renewed();
  }

  async #renewed(): Promise<Credentials> {
    const before = this.#made;
    if (before !== undefined && this.#mayRenew() && (this.#isRefused || expiresSoon(before.credentials))) {
      this.#isRefused = false;
      this.#renewedAtMs = performance.now();
      await Promise.all(
        this.#sources.map(async ([, source], i) => {
          const secret = before.secrets[i];
          if (secret !== undefined) await source.renew(secret);
        }),
      );
    }
    const secrets = await Promise.all(this.#sources.map(async ([, source]) => await source.get()));
    // The same object for the same secrets: `refused` compares it.
    if (this.#made?.secrets.every((secret, i) => secret === secrets[i]) === true)
      return this.#made.credentials;
    const texts = this.#sources.map(([name], i) => [name, secrets[i]?.reveal() ?? '']);
    const credentials = this.#make(Object.fromEntries(texts) as Record<Name, string>);
    this.#made = { secrets, credentials };
    return credentials;
  }

  refused(given: Credentials): void {
    if (given === this.#made?.credentials) this.#isRefused = true;
  }

  #mayRenew(): boolean {
    return performance.now() - this.#renewedAtMs >= RENEW_INTERVAL_MS;
  }
}

function expiresSoon(credentials: { readonly expiresAtMs?: number }): boolean {
  const { expiresAtMs } = credentials;
  return expiresAtMs !== undefined && expiresAtMs - EXPIRY_MARGIN_MS < Date.now();
}

/** AWS's form for external processes. */
interface ProcessForm {
  readonly AccessKeyId?: string;
  readonly SecretAccessKey?: string;
  readonly SessionToken?: string;
  readonly Expiration?: string;
}

function tokenSource(credentials: Token | Command): SecretSource {
  return credentials.kind === 'command' ? credentials.output : credentials.token;
}

/** A command may print the token alone, or JSON in the form of AWS's processes with the token as `SessionToken`. */
function tokenOf({ kind }: Token | Command, text: string): BearerToken {
  const form = kind === 'command' ? processForm(text) : undefined;
  return form?.SessionToken === undefined ? { token: text } : { token: form.SessionToken, ...expiry(form) };
}

function keysOfProcess(output: string): AccessKey {
  const form = processForm(output);
  if (typeof form?.AccessKeyId !== 'string' || typeof form.SecretAccessKey !== 'string') {
    throw new SourceError('ACCESS_DENIED', 'the command of credentials cannot be used', 'command:', {
      expected: 'JSON with AccessKeyId and SecretAccessKey',
      found: form === undefined ? 'no JSON' : 'JSON without them',
    });
  }
  return {
    accessKeyId: form.AccessKeyId,
    accessKeySecret: form.SecretAccessKey,
    ...(typeof form.SessionToken === 'string' && { sessionToken: form.SessionToken }),
    ...expiry(form),
  };
}

function processForm(output: string): ProcessForm | undefined {
  try {
    const value = JSON.parse(output) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function expiry({ Expiration }: ProcessForm): { expiresAtMs?: number } {
  const expiresAtMs = Date.parse(Expiration ?? '');
  return Number.isNaN(expiresAtMs) ? {} : { expiresAtMs };
}
