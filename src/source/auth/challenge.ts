/** A challenge of `WWW-Authenticate` (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const MAX_CHARS = 8 * 1024;
/** A scheme, or a parameter with its value, and what separates it from the next. */
const PART =
  /[\s,]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?(?=[\s,]|$)/gy;

/** The challenges in their order. What cannot be parsed, and all behind it, is left out. */
export function parseChallenges(value: string | null): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  if (value === null || value.length > MAX_CHARS) return challenges;
  for (const [, name = '', quoted, plain] of value.matchAll(PART)) {
    const text = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    const current = challenges.at(-1);
    if (text === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: {} });
    else if (current !== undefined) current.parameters[name.toLowerCase()] = text;
  }
  return challenges;
}
