/** `npm run docs`. */
import { mkdirSync, writeFileSync } from 'node:fs';

import { documents } from './documents.js';

for (const [path, text] of documents()) {
  const target = new URL(`../../../${path}`, import.meta.url);
  mkdirSync(new URL('.', target), { recursive: true });
  writeFileSync(target, text);
}
