const MASK = '***';

/** What holds no secret. Any other text is masked: names that are added are, until they are known here. */
const PUBLIC = new Set([
  'match',
  'endpoint',
  'region',
  'addressing',
  'signature',
  'requesterPays',
  'account',
  'baseUrl',
  'revision',
  'plainHttp',
  'p2p',
  'awsRegion',
  'awsEndpoint',
  'awsS3ForcePathStyle',
]);
const PUBLIC_CREDENTIALS = new Set([
  'user',
  'auth',
  'account',
  'profile',
  'roleArn',
  'file',
  'netrc',
  'dockerConfig',
]);

/** A rule as it is written, without secrets. `${NAME}` and `file:PATH` name one, and stay. */
export function maskedRule(rule: unknown): unknown {
  return mapped(rule, (value, name) => {
    if (name === 'tls') return mapped(value, (part, key) => (key === 'keyPassword' ? masked(part) : part));
    if (PUBLIC.has(name)) return value;
    if (name === 'credentials') {
      return typeof value === 'string'
        ? value
        : mapped(value, (part, key) => (PUBLIC_CREDENTIALS.has(key) ? part : masked(part)));
    }
    if (name === 'proxy' && typeof value === 'string') return value.replace(/\/\/[^/]*@/, `//${MASK}@`);
    return masked(value);
  });
}

/** Of any value only what names a secret stays. */
export function masked(value: unknown): unknown {
  if (typeof value === 'string') return /^(?:file:.*|\$\{[^}]*\})$/.test(value) ? value : MASK;
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return MASK;
  return mapped(value, (part, key) =>
    // The program, and not its arguments.
    key === 'command' && Array.isArray(part)
      ? part.map((word, i) => (i === 0 ? (word as unknown) : MASK))
      : masked(part),
  );
}

function mapped(value: unknown, convert: (part: unknown, name: string) => unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return masked(value);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, convert(part, name)]));
}
