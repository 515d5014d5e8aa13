import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where `npm run test:servers` has installed what `npm test` does without. */
const TOOLS = process.env['D7Y_TEST_TOOLS'] ?? '';

/** The path of an installed program, as `venv/bin/rclone`; or why there is none. */
export function findTool(path: string): { readonly path: string } | { readonly missing: string } {
  if (TOOLS === '') return { missing: 'run by `npm run test:servers`, which installs it' };
  const full = join(TOOLS, path);
  if (existsSync(full)) return { path: full };
  const reason = join(TOOLS, `${path.split('/')[0]}.missing`);
  return { missing: existsSync(reason) ? readFileSync(reason, 'utf8').trim() : `no ${path}` };
}
