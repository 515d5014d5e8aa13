/** `~/.netrc`, as ftp(1) and curl read it: who to log in as, by host. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import type { Login } from './digest.js';
import { fileSecret, type SecretSource } from './secret-source.js';

/** `$NETRC`, or `~/.netrc` of the user who mounts. Without the file there are no logins, as with curl and git. */
export function defaultNetrc(): SecretSource {
  const given = process.env['NETRC'] ?? '';
  return fileSecret(given === '' ? join(homedir(), '.netrc') : given, 'may be missing');
}

/** `host`: as in a URL. Undefined: the file has neither the host nor a default. */
export function netrcLogin(text: string, host: string): Login | undefined {
  const machine = host.toLowerCase().replaceAll(/^\[|\]$/g, '');
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
      const isMeant = token === 'default' || tokens[i + 1]?.toLowerCase() === machine;
      if (isMeant) found = {};
      if (token === 'machine') i += 1;
    } else if (token === 'login' || token === 'password' || token === 'account') {
      if (found !== undefined) found[token] = tokens[i + 1] ?? '';
      i += 1;
    }
  }
  const { login, password } = found ?? {};
  return login === undefined || password === undefined ? undefined : { user: login, password };
}
