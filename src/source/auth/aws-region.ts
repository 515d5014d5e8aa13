import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { variable } from './variable.js';

/** What AWS's tools would use: `$AWS_REGION`, or the region of the profile. Undefined: neither says one. */
export async function awsRegion(profile?: string): Promise<string | undefined> {
  const given = variable('AWS_REGION') ?? variable('AWS_DEFAULT_REGION');
  if (given !== undefined) return given;
  const path = variable('AWS_CONFIG_FILE') ?? join(homedir(), '.aws', 'config');
  const text = await readFile(path, 'utf8').catch(() => '');
  return regionIn(text, profile ?? variable('AWS_PROFILE') ?? 'default');
}

function regionIn(text: string, profile: string): string | undefined {
  let isOurs = false;
  for (const line of text.split('\n')) {
    const section = /^\s*\[\s*(?:profile\s+)?([^\]]*?)\s*\]/.exec(line);
    if (section !== null) isOurs = section[1] === profile;
    // Not what is indented: that belongs to the setting above it.
    const region = /^region\s*=\s*(\S+)/.exec(line)?.[1];
    if (isOurs && region !== undefined) return region;
  }
  return undefined;
}
