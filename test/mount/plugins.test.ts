import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import test from 'ava';

import { listedWith } from '../support/in-tree.js';
import { addHostilePlugins } from '../support/hostile-plugins.js';
import { onDevFuse, mounted, run, shell } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { addExample, addModule, pluginDirectory } from '../support/plugins.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

/** Opens and reads files that fail, and counts the failures. */
const FAILURES = `
import sys
failures = 0
for scheme, times in (('throws', 200), ('types', 40), ('exits', 40), ('aborts', 40), ('syntax', 40), ('untrusted', 40)):
    for i in range(times):
        try: open(f'{sys.argv[1]}/{scheme}/h/{i}', 'rb').read()
        except OSError: failures += 1
print(failures)
`;

// S13
onDevFuse("both of the guide's examples say hello world, and are listed in .plugins", async (t, mount) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-d7yfs.mjs');
  const mnt = await mount('--plugin-dir', directory);
  t.is((await run('ls', [`${mnt}/.plugins`])).stdout, listedWith('d7yfs'));
  t.like(JSON.parse((await run('cat', [`${mnt}/.plugins/d7yfs`])).stdout), { state: 'registered' });
  for (const scheme of ['dfs', 'd7yfs']) {
    t.is((await run('cat', [`${mnt}/${scheme}/host:56001/path/to/resource`])).stdout, 'hello world');
  }
  const shown = JSON.parse((await run('cat', [`${mnt}/.plugins/d7yfs`])).stdout) as object;
  t.like(shown, {
    name: 'd7yfs',
    type: 'resource',
    scheme: 'd7yfs',
    location: join(directory, 'd7y-resource-plugin-d7yfs.mjs'),
    attributes: { vendor: 'd7y' },
    state: 'loaded',
    lastError: null,
  });
});

onDevFuse('plugins come, change and go while the mount stands', async (t, mount) => {
  const directory = await pluginDirectory(t);
  const mnt = await mount('--plugin-dir', directory);
  t.regex((await run('cat', [`${mnt}/one/h/x`])).stderr, /No such file/);

  const path = await addModule(directory, 'one', { content: 'first' });
  t.is((await run('ls', [`${mnt}/.plugins`])).stdout, listedWith('one'));
  t.is((await run('cat', [`${mnt}/one/h/x`])).stdout, 'first');

  const counters = async (): Promise<unknown> =>
    (JSON.parse((await run('cat', [`${mnt}/.plugins/one`])).stdout) as { counters: unknown }).counters;
  t.like(await counters(), { calls: 2, failures: 0, starts: 1, bytes: 5 });

  await addModule(directory, 'one', { content: 'and the second' });
  t.like(await counters(), { calls: 0, failures: 0, starts: 0, bytes: 0 }, 'another plugin, with its own');
  await until('the new one is used', async () => {
    const { stdout } = await run('cat', [`${mnt}/one/h/x`]);
    return stdout === 'and the second' || (t.is(stdout, 'first'), false);
  });

  await rm(path);
  t.is((await run('ls', [`${mnt}/.plugins`])).stdout, listedWith());
  t.not((await run('cat', [`${mnt}/one/h/x`])).code, 0);
});

onDevFuse(
  'a plugin that cannot be loaded is EIO below its scheme, and its error is shown',
  async (t, mount) => {
    const directory = await pluginDirectory(t);
    await addModule(directory, 'bad', { top: `throw new Error('no license');` });
    await chmod(await addModule(directory, 'loose'), 0o666);
    await addModule(directory, 'http');
    await writeFile(join(directory, 'd7y-resource-plugin-No.mjs'), '');
    const mnt = await mount('--plugin-dir', directory);
    for (const scheme of ['bad', 'loose']) {
      t.is((await run('ls', [`${mnt}/${scheme}`])).code, 0, 'the scheme itself is there');
      t.regex((await run('cat', [`${mnt}/${scheme}/h/x.txt`])).stderr, /Input\/output error/);
      t.regex((await run('stat', [`${mnt}/${scheme}/h/y.txt`])).stderr, /Input\/output error/);
      t.regex((await run('ls', [`${mnt}/${scheme}/h/`])).stderr, /Input\/output error/);
      t.like(JSON.parse((await run('cat', [`${mnt}/.plugins/${scheme}`])).stdout), { state: 'failed' });
    }
    t.regex((await run('cat', [`${mnt}/.plugins/bad`])).stdout, /"lastError": "no license"/);
    t.regex((await run('cat', [`${mnt}/none/h/x.txt`])).stderr, /No such file/);
    const log = await readFile(join(dirname(mnt), 'log'), 'utf8');
    t.regex(log, /"location":"[^"]*bad\.mjs","msg":"plugin: no license"/);
    t.regex(log, /"errno":"EIO".*the plugin for scheme bad cannot be used/);
    t.regex(log, /loose\.mjs is not trusted: others may write to it/);
    t.regex(log, /plugin-http\.mjs","msg":"plugin passed over: scheme http is in-tree; --plugin-override/);
    t.is(log.match(/plugin passed over: not valid plugin name/g)?.length, 1, 'logged once');

    await addModule(directory, 'bad');
    await until(
      'the mended plugin is used',
      async () => (await run('cat', [`${mnt}/bad/h/x.txt`])).code === 0,
    );
  },
);

onDevFuse('a plugin that gives no answer is ETIMEDOUT after one deadline', async (t, mount) => {
  const directory = await pluginDirectory(t);
  const calls = join(directory, 'calls');
  const top = `import { appendFileSync } from 'node:fs';
    const never = (name) => new Promise(() => appendFileSync(${JSON.stringify(calls)}, name));`;
  await addModule(directory, 'stuck', {
    top,
    client: `getContentLength: () => 5_000_000, download: () => never('d'),`,
  });
  await addModule(directory, 'mute', { top, client: `getContentLength: () => never('l'),` });
  const mnt = await mount('--plugin-dir', directory, '--timeout', '2s');
  for (const scheme of ['stuck', 'mute']) {
    t.regex((await run('cat', [`${mnt}/${scheme}/h/x.bin`])).stderr, /Connection timed out/);
  }
  t.is(await readFile(calls, 'utf8'), 'dl', 'each is called once');
});

test.serial('a file that is open is read to its end from the plugin that it was opened with', async (t) => {
  const directory = await pluginDirectory(t);
  const ofVersion = (letter: string): object => ({
    client: `getContentLength: () => 2e7, isSupportRange: () => true,
      getMetadata: () => ({ kind: 'file', contentLength: 2e7, supportRange: true, lastModified: -1, etag: '"${letter}"' }),
      download: ({ range }) => ({ body: Buffer.alloc((range?.end ?? 2e7) - (range?.start ?? 0), '${letter}'), header: { etag: '"${letter}"' } }),`,
  });
  await addModule(directory, 'one', ofVersion('a'));
  const mnt = await mounted(t, '--plugin-dir', directory, '--memory', '16MiB');
  const signs = await temporaryDirectory(t);
  const script = `{ head -c 4096; touch "$2/begun"; until [ -e "$2/replaced" ]; do sleep 0.1; done; cat; } \
    < "$1/one/h/x" | { tee /dev/fd/3 | wc -c; } 3>&1 >&2 | tr -d a | wc -c`;
  const reading = shell(script, mnt, signs);
  await until('the first bytes are read', () => existsSync(join(signs, 'begun')));
  await addModule(directory, 'one', ofVersion('b'));
  await until('the new one serves', async () => {
    const { stdout } = await shell('head -c 5 "$1/one/h/x"', mnt);
    return stdout === 'bbbbb' || (t.is(stdout, 'aaaaa'), false);
  });
  await writeFile(join(signs, 'replaced'), '');
  const { stdout, stderr } = await reading;
  t.is(stdout.trim(), '0', 'other bytes than those of the first version');
  t.is(stderr.trim(), '20000000', 'all bytes of the first version');
});

onDevFuse('kill -9 of a plugin during a read is survived', async (t, mount) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-pyfs');
  const root = await temporaryDirectory(t);
  const content = pattern(20_000_000);
  await writeFile(join(root, 'a.bin'), content);
  const mnt = await mount('--plugin-dir', directory, '--plugin-option', `pyfs.root=${root}`);
  const { stdout, code } = await shell(
    `{ head -c 100000; pkill -KILL -f "$2/d7y-resource-plugin-pyfs"; cat; } < "$1/pyfs/h/a.bin" | sha256sum`,
    mnt,
    directory,
  );
  t.is(code, 0);
  t.is(stdout.slice(0, 64), createHash('sha256').update(content).digest('hex'));
  t.like(JSON.parse((await run('cat', [`${mnt}/.plugins/pyfs`])).stdout), { state: 'loaded' });
  t.regex((await run('ls', ['-l', `${mnt}/pyfs/h`])).stdout, /20000000 .* a\.bin/);
});

// S97
onDevFuse('hostile plugins disturb no reader, end with an error, and leave nothing', async (t, mount) => {
  const directory = await pluginDirectory(t);
  const hostile = await addHostilePlugins(directory);
  const root = await temporaryDirectory(t);
  const content = pattern(30_000_000);
  await writeFile(join(root, 'a.bin'), content);
  const { host } = await startNginx(t, { root });
  const limits = ['--timeout', '2s', '--plugin-memory', '200MiB', '--memory', '64MiB'];
  const mnt = await mount('--plugin-dir', directory, ...limits);
  const digest = createHash('sha256').update(content).digest('hex');
  const before = await usage(mnt);

  const over = new AbortController();
  let reads = 0;
  const reader = (async () => {
    for (; !over.signal.aborted; reads += 1) {
      // Another name each time, so that neither the kernel nor the mount has it.
      const { stdout } = await run('sha256sum', [`${mnt}/http/${host}/a.bin?${reads}`]);
      t.is(stdout.slice(0, 64), digest);
    }
  })();
  const useHostile = async (scheme: string): Promise<void> => {
    const { code, stderr } = await run('timeout', ['50', 'cat', `${mnt}/${scheme}/h/x`]);
    t.true(code !== 0 && code !== 124, `${scheme}: exit code ${code} ${stderr}`);
  };
  await Promise.all(hostile.map(useHostile));
  over.abort();
  await reader;
  t.log(`${reads} reads meanwhile`);

  const counted = await run('python3', ['-c', FAILURES, mnt]);
  t.is(counted.stdout, '400\n', counted.stderr);
  await until('nothing is left of the failures', async () => {
    const after = await usage(mnt);
    const children = Number((await shell('pgrep -fc "module-host.js $1"', directory)).stdout);
    // Each process has two pipes, and a few connections that are kept.
    const allowed = before.descriptors + 5 * children;
    return children <= hostile.length && after.threads <= before.threads + 2 && after.descriptors <= allowed;
  });

  t.is((await run('cat', [`${mnt}/dfs/h/x`])).stdout, 'hello world');
  t.like(JSON.parse((await run('cat', [`${mnt}/.plugins/http`])).stdout), { location: 'in-tree' });
  t.regex((await run('cat', [`${mnt}/.plugins/throws`])).stdout, /"lastError": ".*\(no\)"/);
  const { code, stderr } = await run('umount', [mnt]);
  t.is(code, 0, stderr);
  await until('all processes are gone', async () => {
    return (await run('pgrep', ['-f', '--', `module-host.js ${directory}`])).stdout === '';
  });
});

/** Threads and descriptors of the process that serves a mount. */
async function usage(mnt: string): Promise<{ threads: number; descriptors: number }> {
  const script =
    'pid=$(pgrep -f -- "$1 .*--foreground"); ls /proc/$pid/task | wc -l; ls /proc/$pid/fd | wc -l';
  const [threads = 0, descriptors = 0] = (await shell(script, mnt)).stdout.trim().split('\n').map(Number);
  return { threads, descriptors };
}
