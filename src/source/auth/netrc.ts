/** `~/.netrc`, as ftp(1) and curl read it: who to log in as, by host. */
export interface NetrcEntry {
  readonly login: string;
  readonly password: string;
}

/** Undefined: it has neither the host nor a default. */
export function netrcEntry(text: string, host: string): NetrcEntry | undefined {
  // A macro ends at an empty line, and a comment at the end of its line.
  const plain = text
    .replaceAll(/^\s*macdef\s[\s\S]*?(?:\n[ \t]*\n|$(?![\s\S]))/gm, '')
    .replaceAll(/^\s*#.*$/gm, '');
  const tokens = [...plain.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, bare = '']) => quoted?.replaceAll(/\\(.)/g, '$1') ?? bare,
  );
  let found: Record<string, string> | undefined;
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token === 'machine' || token === 'default') {
      if (found !== undefined) break;
      const isMeant = token === 'default' || tokens[i + 1]?.toLowerCase() === host.toLowerCase();
      if (isMeant) found = {};
      if (token === 'machine') i += 1;
    } else if (token === 'login' || token === 'password' || token === 'account') {
      if (found !== undefined) found[token] = tokens[i + 1] ?? '';
      i += 1;
    }
  }
  const { login, password } = found ?? {};
  return login === undefined || password === undefined ? undefined : { login, password };
}
