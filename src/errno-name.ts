import { constants } from 'node:os';

/** Of numbers with two names the first one counts. Node's own function knows those of libuv only. */
const NAMES = new Map<number, string>();
for (const [name, errno] of Object.entries(constants.errno)) if (!NAMES.has(errno)) NAMES.set(errno, name);

export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? String(errno);
}
