/**
 * What a reader of http loses while plugins are in endless loops, one for each processor: rounds with and
 * without them take turns.
 */
import { truncateSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

import { pino } from 'pino';

import { createHttpClient } from '../src/source/http/http-client.js';
import { Request } from '../src/source/index.js';
import { PluginSet } from '../src/source/plugin/plugin-set.js';
import { megabytesPerSecond } from './download-speed.js';
import { median } from './median.js';
import { NginxOrigin } from './origin.js';
import { Programs } from './programs.js';
import { Teardown } from './teardown.js';

const ROUNDS = 7;
const BYTES = 512 * 1024 * 1024;

export interface Speeds {
  /** MB/s. */
  readonly alone: number;
  readonly beside: number;
}

export async function measureBesideLoops(directory: string): Promise<Speeds> {
  const teardown = new Teardown();
  try {
    const origin = await NginxOrigin.start(directory, new Programs(), teardown);
    const content = join(origin.root, 'content');
    writeFileSync(content, '');
    truncateSync(content, BYTES);
    const http = createHttpClient();
    teardown.add('http', () => http.close());
    const url = `http://${origin.host}/content`;
    await megabytesPerSecond(http, url, BYTES);
    const speeds: { alone: number[]; beside: number[] } = { alone: [], beside: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      speeds.alone.push(await megabytesPerSecond(http, url, BYTES));
      const endLoops = await startLoops(directory);
      speeds.beside.push(await megabytesPerSecond(http, url, BYTES));
      await endLoops();
    }
    return { alone: median(speeds.alone), beside: median(speeds.beside) };
  } finally {
    await teardown.run();
  }
}

async function startLoops(directory: string): Promise<() => Promise<void>> {
  const plugins = new PluginSet(
    { directories: [directory] },
    { isInTree: () => false, log: pino({ level: 'silent' }) },
  );
  for (const [i] of cpus().entries()) {
    const name = `loop${i}`;
    writeFileSync(join(directory, `d7y-resource-plugin-${name}.mjs`), loopingModule(name), { mode: 0o644 });
    const client = await plugins.clientFor(name);
    client?.download(new Request(`${name}://host/x`)).catch(() => undefined);
  }
  return () => plugins.close();
}

function loopingModule(name: string): string {
  return `
    const f = () => 1;
    const download = () => { for (;;); };
    export const DragonflyPluginInit = () => [
      { getContentLength: f, isSupportRange: f, isExpired: f, download, getLastModified: f },
      { type: 'resource', name: '${name}', scheme: '${name}' },
    ];`;
}
