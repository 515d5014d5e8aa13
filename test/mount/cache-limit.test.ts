import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { onDevFuse, run, shell } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

const LIMIT_BYTES = 16 * 1024 * 1024;
const STAT_BLOCK_BYTES = 512;

/** What its files take up, at one moment: the process that writes them is stopped meanwhile. */
async function allocatedBytes(directory: string, pid: number): Promise<number> {
  process.kill(pid, 'SIGSTOP');
  try {
    await sleep(1);
    let bytes = 0;
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      // A thread that was removing it stops when that is done.
      const found = statSync(join(directory, name), { throwIfNoEntry: false });
      if (found?.isFile() === true) bytes += found.blocks * STAT_BLOCK_BYTES;
    }
    return bytes;
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

for (const [words, files, mebibytes] of [
  ['a file ten times as large', 1, 160],
  ['eight files at once', 8, 20],
] as const) {
  onDevFuse(`the cache stays within its limit at every moment: ${words}`, async (t, mount) => {
    const root = await temporaryDirectory(t);
    await shell(
      'for i in $(seq "$2"); do head -c "$3" /dev/urandom > "$1/$i.bin"; done',
      root,
      String(files),
      String(mebibytes << 20),
    );
    const nginx = await startNginx(t, { root });
    const cache = await temporaryDirectory(t);
    const mnt = await mount('--cache-dir', cache, '--cache-size', '16MiB', '--memory', '32MiB');
    const pid = Number((await run('pgrep', ['-f', '--', `${mnt} .*--foreground`])).stdout);
    t.true(pid > 0);
    const reading = shell(
      'for i in $(seq "$3"); do cmp "$1/$i.bin" "$2/$i.bin" & done; wait; echo read',
      join(mnt, 'http', nginx.host),
      root,
      String(files),
    );
    let [samples, highest, isRead] = [0, 0, false];
    void reading.then(() => (isRead = true));
    // A second more: what was read last is still written.
    for (let endMs = Infinity; performance.now() < endMs; samples += 1) {
      highest = Math.max(highest, await allocatedBytes(cache, pid));
      if (isRead && endMs === Infinity) endMs = performance.now() + 1_000;
      await sleep(10);
    }
    const { stdout, stderr } = await reading;
    t.is(stdout, 'read\n', stderr);
    t.true(highest <= LIMIT_BYTES, `${highest} bytes in one of ${samples} samples`);
    t.true(highest > LIMIT_BYTES / 2, `${highest} bytes were used at most`);
    t.true(samples > 50);
  });
}
