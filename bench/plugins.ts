/**
 * What the isolation of plugins costs: a module that serves from memory, and the Python example that serves
 * a file of the page cache, each read through its process, without a mount; and what others notice of plugins
 * in endless loops. Prints medians of ROUNDS rounds.
 * Run: npm run bench:plugins
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type CompleteClient, Request } from '../src/source/index.js';
import { withPlugin } from '../src/source/plugin/test-plugin.js';
import { measureBesideLoops } from './beside-loops.js';
import { megabytesPerSecond } from './download-speed.js';
import { median } from './median.js';

const ROUNDS = 5;
const BYTES = 512 * 1024 * 1024;
const METADATA_CALLS = 300;

const MODULE = `
const chunk = Buffer.alloc(1 << 20, 'd7y');
async function* bytes(length) {
  for (let left = length; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
}
export function DragonflyPluginInit() {
  return [{
    getContentLength: () => ${BYTES}, isSupportRange: () => true, isExpired: () => false, getLastModified: () => 1,
    download: ({ range }) => ({ body: bytes((range?.end ?? ${BYTES}) - (range?.start ?? 0)) }),
  }, { type: 'resource', name: 'bench', scheme: 'bench' }];
}`;

async function callMs(client: CompleteClient, url: string): Promise<number> {
  const began = performance.now();
  for (let i = 0; i < METADATA_CALLS; i += 1) await client.getMetadata(new Request(url));
  return (performance.now() - began) / METADATA_CALLS;
}

async function medianOf(work: () => Promise<number>): Promise<number> {
  const results: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) results.push(await work());
  return median(results);
}

async function measure(title: string, path: string, url: string, root: string): Promise<void> {
  const began = performance.now();
  await withPlugin(path, { root }, async (client) => {
    const startMs = performance.now() - began;
    const speed = await medianOf(() => megabytesPerSecond(client, url, BYTES));
    const oneCallMs = await medianOf(() => callMs(client, url));
    process.stdout.write(
      `${title}: ${speed.toFixed(0)} MB/s, ${oneCallMs.toFixed(2)} ms per call, start ${startMs.toFixed(0)} ms\n`,
    );
  });
}

const directory = mkdtempSync(join(tmpdir(), 'd7y-bench-'));
try {
  const module = join(directory, 'd7y-resource-plugin-bench.mjs');
  writeFileSync(module, MODULE, { mode: 0o644 });
  await measure('module, from memory', module, 'bench://host/x', directory);
  const program = join(directory, 'd7y-resource-plugin-pyfs');
  const examples = fileURLToPath(new URL('../../docs/plugins/', import.meta.url));
  copyFileSync(join(examples, 'd7y-resource-plugin-pyfs'), program);
  writeFileSync(join(directory, 'content'), Buffer.alloc(BYTES, 'd7y'));
  await measure('Python, from a file', program, 'pyfs://host/content', directory);
  const { alone, beside } = await measureBesideLoops(directory);
  process.stdout.write(
    `http: ${alone.toFixed(0)} MB/s alone, ${beside.toFixed(0)} MB/s beside a looping plugin per processor\n`,
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
