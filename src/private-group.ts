import { readFileSync, statSync } from 'node:fs';

const PASSWD = '/etc/passwd';
const GROUP = '/etc/group';

let known = new Map<string, boolean>();
let knownSince = '';

/**
 * Whether a group is the private group of a user, as useradd makes it: then its right to write is the user's alone, as with
 * the umask 002. False for accounts that are not in /etc/passwd (LDAP).
 */
export function isPrivateGroup(gid: number, uid: number): boolean {
  try {
    const changed = [PASSWD, GROUP].map((path) => statSync(path).ctimeMs).join();
    if (changed !== knownSince) [known, knownSince] = [new Map(), changed];
    const key = `${gid} ${uid}`;
    const answer =
      known.get(key) ?? hasNoOther(gid, uid, readFileSync(PASSWD, 'utf8'), readFileSync(GROUP, 'utf8'));
    known.set(key, answer);
    return answer;
  } catch {
    return false;
  }
}

/** By the lines of passwd(5) and group(5). */
export function hasNoOther(gid: number, uid: number, passwd: string, group: string): boolean {
  const accounts = linesOf(passwd).filter((fields) => fields[3] === String(gid));
  const [account, ...otherAccounts] = accounts;
  const [found, ...sameGroups] = linesOf(group).filter((fields) => fields[2] === String(gid));
  if (account?.[2] !== String(uid) || otherAccounts.length > 0) return false;
  if (found?.[0] !== account[0] || sameGroups.length > 0) return false;
  return (found?.[3] ?? '').split(',').every((name) => name === '' || name === account[0]);
}

function linesOf(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}
