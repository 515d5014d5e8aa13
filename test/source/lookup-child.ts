/** Resolves names, eight of which hang, and reads files meanwhile; prints in which order that ended, and ends. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';

import { NameResolver } from '../../src/source/http/name-resolver.js';

const resolver = new NameResolver();
const ended: string[] = [];
const look = async (name: string): Promise<void> => {
  const found = await resolver.resolve(name).catch((error: Error) => [{ address: error.message }]);
  ended.push(`${name} ${found[0]?.address}`);
};
const hanging = Array.from({ length: 8 }, (_, index) => look(`hang${index}.test`));
await Promise.all(['one.test', 'two.test', 'localhost'].map(look));
await Promise.all(Array.from({ length: 20 }, () => readFile('/etc/passwd')));
ended.push('files');
await Promise.race(hanging);
process.stdout.write(JSON.stringify(ended), () => process.exit());
