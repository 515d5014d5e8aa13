/** `npm run docs`. */
import { writeFileSync } from 'node:fs';

import { optionsDocument } from './options-document.js';

writeFileSync(new URL('../../../docs/OPTIONS.md', import.meta.url), optionsDocument());
