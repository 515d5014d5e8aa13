import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { goJson, goQuote, inventoryLines, pathFailureLine } from '../../bin/plugin-lines.js';
import { MadeFiles } from '../../src/mount/made-files.js';
import type { PluginCatalog } from '../../src/mount/plugin-catalog.js';
import { SCHEMES_IN_TREE } from '../support/in-tree.js';
import { CLI, type Finished, run } from '../support/mounted.js';
import { addExample, addModule, pluginDirectory } from '../support/plugins.js';
import { temporaryDirectory } from '../support/temp.js';

const IN_TREE = SCHEMES_IN_TREE.map((scheme) => `source plugin: ${scheme}, location: in-tree\n`).join('');
const HELLO_LINE =
  'resource plugin: d7yfs, location: d7y-resource-plugin-d7yfs.mjs, attribute: ' +
  '{"buildCommit":"unknown","buildTime":"unknown","name":"d7yfs","scheme":"d7yfs","type":"resource","vendor":"d7y"}\n';

/** None of the plugins here is slow: where one did not start in time, the machine was busy, and it is run again. */
async function plugin(directory: string, ...options: string[]): Promise<Finished> {
  for (let attempt = 1; ; attempt += 1) {
    const finished = await run(process.execPath, [CLI, 'plugin', '--plugin-dir', directory, ...options]);
    const isLate = /within 10 s/.test(finished.stdout + finished.stderr);
    if (!isLate || attempt === 5) return finished;
  }
}

/** One row: what lies in the directory, and the lines that are said of it. */
interface Row {
  readonly title: string;
  readonly prepare: (directory: string, t: ExecutionContext) => Promise<unknown>;
  readonly stdout?: string;
  readonly stderr: (directory: string) => string | RegExp;
  readonly isBroken?: boolean;
}

const broken = (fileName: string, message: string): string =>
  `not valid plugin binary format ${fileName}: ${goQuote(message)}\n`;

/** A module that is loaded, and refused with Dragonfly's message. */
function refused(title: string, attributesOrClient: Parameters<typeof addModule>[2], message: string): Row {
  return {
    title,
    prepare: (directory) => addModule(directory, 'x', attributesOrClient),
    stderr: () => broken('d7y-resource-plugin-x.mjs', message),
    isBroken: true,
  };
}

/** A file of any text, and what is said of it. */
function file(title: string, fileName: string, text: string, mode: number, stderr: Row['stderr']): Row {
  return {
    title,
    prepare: (directory) => writeFile(join(directory, fileName), text, { mode }),
    stderr,
    isBroken: true,
  };
}

const ROWS: readonly Row[] = [
  {
    title: 'an empty directory',
    prepare: () => Promise.resolve(),
    stderr: () => 'no out of tree plugin found\n',
  },
  {
    title: "the guide's plugin",
    prepare: (directory) => addExample(directory, 'd7y-resource-plugin-d7yfs.mjs'),
    stdout: HELLO_LINE,
    stderr: () => '',
  },
  {
    title: 'a program',
    prepare: (directory) => addExample(directory, 'd7y-resource-plugin-pyfs'),
    stdout:
      'resource plugin: pyfs, location: d7y-resource-plugin-pyfs, attribute: ' +
      '{"name":"pyfs","scheme":"pyfs","type":"resource","vendor":"d7y"}\n',
    stderr: () => '',
  },
  {
    title: 'a folder with a package.json, of CommonJS',
    prepare: async (directory) => {
      const folder = join(directory, 'd7y-resource-plugin-pack');
      await mkdir(folder);
      await writeFile(join(folder, 'package.json'), '{"main":"main.cjs"}');
      await writeFile(
        join(folder, 'main.cjs'),
        `const f = () => 1; exports.DragonflyPluginInit = async () => [
          { getContentLength: f, isSupportRange: f, isExpired: f, download: f, getLastModified: f },
          { type: 'resource', name: 'pack', scheme: 'pack', html: '<&>' }];`,
      );
    },
    stdout:
      'resource plugin: pack, location: d7y-resource-plugin-pack, attribute: ' +
      '{"html":"\\u003c\\u0026\\u003e","name":"pack","scheme":"pack","type":"resource"}\n',
    stderr: () => '',
  },
  {
    title: 'a directory that is no plugin',
    prepare: (directory) => mkdir(join(directory, 'd7y-resource-plugin-empty')),
    stderr: () => 'not support directory: d7y-resource-plugin-empty\n',
    isBroken: true,
  },
  file(
    'a name with capitals',
    'd7y-resource-plugin-ABC.mjs',
    '',
    0o644,
    () => 'not valid plugin name: d7y-resource-plugin-ABC.mjs\n',
  ),
  file(
    'a name with a dash',
    'd7y-resource-plugin-a-b.mjs',
    '',
    0o644,
    () => 'not valid plugin name: d7y-resource-plugin-a-b.mjs\n',
  ),
  file('any other file', 'README', '', 0o644, () => 'not valid plugin name: README\n'),
  file(
    "another type of Dragonfly's",
    'd7y-manager-plugin-x.mjs',
    '',
    0o644,
    () => 'not support plugin type: manager\n',
  ),
  file('a Go plugin', 'd7y-resource-plugin-x.so', 'ELF', 0o755, () =>
    broken(
      'd7y-resource-plugin-x.so',
      'a Go plugin is bound to its toolchain; build it with the adapter of docs/PLUGINS.md',
    ),
  ),
  file('a file that is not executable', 'd7y-resource-plugin-x', '', 0o644, () =>
    broken('d7y-resource-plugin-x', 'neither a module (.mjs, .js, .cjs) nor executable'),
  ),
  {
    title: 'a link that leads nowhere',
    prepare: (directory) => symlink('/nowhere', join(directory, 'd7y-resource-plugin-x.mjs')),
    stderr: () => broken('d7y-resource-plugin-x.mjs', 'the link leads nowhere'),
    isBroken: true,
  },
  file(
    'a module that does not parse',
    'd7y-resource-plugin-x.mjs',
    '{ not "JavaScript" ',
    0o644,
    () => /^not valid plugin binary format d7y-resource-plugin-x\.mjs: "Unexpected .*"\n$/,
  ),
  file(
    'a module without the symbol',
    'd7y-resource-plugin-x.mjs',
    'export const a = 1;',
    0o644,
    (directory) =>
      broken(
        'd7y-resource-plugin-x.mjs',
        `plugin: symbol DragonflyPluginInit not found in plugin ${directory}/d7y-resource-plugin-x.mjs`,
      ),
  ),
  file(
    'a symbol that is no function',
    'd7y-resource-plugin-x.mjs',
    'export const DragonflyPluginInit = 1;',
    0o644,
    () => broken('d7y-resource-plugin-x.mjs', 'invalid plugin init function signature'),
  ),
  file(
    'a function that returns no pair',
    'd7y-resource-plugin-x.mjs',
    'export const DragonflyPluginInit = () => 1;',
    0o644,
    () => broken('d7y-resource-plugin-x.mjs', 'invalid plugin init function signature'),
  ),
  file(
    'an init that throws',
    'd7y-resource-plugin-x.mjs',
    'export const DragonflyPluginInit = () => { throw new Error("no \\"disk\\""); };',
    0o644,
    () => broken('d7y-resource-plugin-x.mjs', 'no "disk"'),
  ),
  file(
    'no attributes',
    'd7y-resource-plugin-x.mjs',
    'export const DragonflyPluginInit = () => [{}, {}];',
    0o644,
    () => broken('d7y-resource-plugin-x.mjs', 'empty plugin metadata'),
  ),
  file(
    'attributes that are no object',
    'd7y-resource-plugin-x.mjs',
    'export const DragonflyPluginInit = () => [{}];',
    0o644,
    () => broken('d7y-resource-plugin-x.mjs', 'empty plugin metadata'),
  ),
  refused('another type', { attributes: `type: 'manager'` }, 'plugin type not match'),
  refused('another name', { attributes: `name: 'y'` }, 'plugin name not match'),
  refused('another scheme', { attributes: `scheme: '../x'` }, 'support schema not match'),
  refused('an attribute that is no string', { attributes: 'n: 1' }, 'attribute n is not a string'),
  refused(
    'huge attributes',
    { attributes: `a: 'x'.repeat(20_000)` },
    'attributes are too large: 20025 characters',
  ),
  refused('a client that is none', { client: 'download: 1' }, 'invalid client, not a ResourceClient'),
  {
    title: 'attributes that cannot be marshalled',
    prepare: (directory) => addModule(directory, 'x', { attributes: 'a: 1n' }),
    stderr: () =>
      'marshal attribute for d7y-resource-plugin-x.mjs error: "Do not know how to serialize a BigInt"\n',
    isBroken: true,
  },
  {
    title: 'a program that ends at once',
    prepare: (directory) =>
      writeFile(join(directory, 'd7y-resource-plugin-x'), '#!/bin/sh\necho no license >&2; exit 3\n', {
        mode: 0o755,
      }),
    stderr: () => broken('d7y-resource-plugin-x', 'its process ended (exit code 3); it said: no license'),
    isBroken: true,
  },
  {
    title: 'a plugin for a scheme of the tree',
    prepare: (directory) => addModule(directory, 'http'),
    stderr: () =>
      broken(
        'd7y-resource-plugin-http.mjs',
        'scheme http is in-tree; --plugin-override http lets this plugin serve it',
      ),
    isBroken: true,
  },
  {
    title: 'two plugins for one scheme',
    prepare: async (directory) => {
      await addExample(directory, 'd7y-resource-plugin-d7yfs.mjs');
      await writeFile(join(directory, 'd7y-resource-plugin-d7yfs.cjs'), 'exports.DragonflyPluginInit = 1;');
    },
    stderr: (directory) =>
      broken('d7y-resource-plugin-d7yfs.cjs', 'invalid plugin init function signature') +
      broken(
        'd7y-resource-plugin-d7yfs.mjs',
        `scheme d7yfs is served by ${directory}/d7y-resource-plugin-d7yfs.cjs`,
      ),
    isBroken: true,
  },
  {
    title: 'a file that others may write to',
    prepare: async (directory) => chmod(await addModule(directory, 'x'), 0o666),
    stderr: (directory) =>
      broken(
        'd7y-resource-plugin-x.mjs',
        `${directory}/d7y-resource-plugin-x.mjs is not trusted: others may write to it (mode 666); chmod go-w it`,
      ),
    isBroken: true,
  },
  {
    title: 'a directory that others may write to',
    prepare: async (directory) => {
      await addModule(directory, 'x');
      await chmod(directory, 0o777);
    },
    stderr: (directory) =>
      `read plugin dir ${directory} error: ${directory} is not trusted: others may write to it (mode 777); chmod go-w it\n`,
    isBroken: true,
  },
];

for (const { title, prepare, stdout = '', stderr, isBroken = false } of ROWS) {
  test.serial(`plugin: ${title}`, async (t) => {
    const directory = await pluginDirectory(t);
    await prepare(directory, t);
    const found = await plugin(directory);
    const head = `search plugin in ${directory}\n`;
    t.true(found.stderr.startsWith(head), found.stderr);
    const said = found.stderr.slice(head.length);
    const expected = stderr(directory);
    if (typeof expected === 'string') t.is(said, expected);
    else t.regex(said, expected);
    t.is(found.stdout, IN_TREE + stdout);
    t.is(found.code, 0);
    t.is((await plugin(directory, '--strict')).code, isBroken ? 1 : 0);
  });
}

test.serial('plugin: a missing directory, a file in its place, and several directories', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-d7yfs.mjs');
  const fileName = join(directory, 'd7y-resource-plugin-d7yfs.mjs');
  const { stdout, stderr, code } = await plugin(
    '/nowhere',
    '--plugin-dir',
    fileName,
    '--plugin-dir',
    directory,
  );
  t.is(
    stderr,
    `search plugin in /nowhere\nno plugin found\nsearch plugin in ${fileName}\n` +
      `read plugin dir ${fileName} error: ENOTDIR: not a directory, scandir '${fileName}'\n` +
      `search plugin in ${directory}\n`,
  );
  t.is(stdout, IN_TREE + HELLO_LINE);
  t.is(code, 0);
  t.is((await plugin('/nowhere', '--strict')).code, 0, 'a missing directory is not broken');
  t.is((await plugin(fileName, '--strict')).code, 1);
});

test.serial('plugin --json says the same as .plugins, and what is broken', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-d7yfs.mjs');
  await writeFile(join(directory, 'README'), '');
  await addModule(directory, 'x', { top: `throw new Error('no license');` });
  const { stdout, stderr, code } = await plugin(directory, '--json', '--strict');
  t.is(code, 1);
  t.is(stderr, '');
  const found = JSON.parse(stdout) as { inTree: unknown[]; directories: { plugins: unknown[] }[] };
  t.is(found.inTree.length, SCHEMES_IN_TREE.length);
  t.like(found.directories[0], {
    directory,
    error: null,
    problems: [
      'not valid plugin name: README',
      'not valid plugin binary format d7y-resource-plugin-x.mjs: "no license"',
    ],
  });
  t.like(found.directories[0]?.plugins[1], { scheme: 'x', state: 'failed', lastError: 'no license' });
  t.like(found.directories[0]?.plugins[0], {
    name: 'd7yfs',
    type: 'resource',
    scheme: 'd7yfs',
    location: join(directory, 'd7y-resource-plugin-d7yfs.mjs'),
    state: 'loaded',
    lastError: null,
    attributes: { vendor: 'd7y' },
  });
});

test.serial(
  'plugin: an option reaches its plugin alone, and a scheme is overridden where that is said',
  async (t) => {
    const directory = await pluginDirectory(t);
    for (const name of ['one', 'dfs'])
      await addModule(directory, name, { attributes: 'option: JSON.stringify(option)' });
    const options = [
      '--plugin-option',
      'one.key=a=b',
      '--plugin-option',
      'one.b=2',
      '--plugin-override',
      'DFS',
    ];
    const { stdout } = await plugin(directory, ...options);
    t.true(stdout.includes('"option":"{\\"key\\":\\"a=b\\",\\"b\\":\\"2\\"}"'), stdout);
    t.true(stdout.includes('resource plugin: dfs, location: d7y-resource-plugin-dfs.mjs'), stdout);
    t.notRegex(stdout, /^source plugin: dfs/m);
    const wrong = await plugin(directory, '--plugin-option', 'nonsense');
    t.is(wrong.code, 2);
    t.regex(wrong.stderr, /--plugin-option.*expected 'NAME\.KEY=VALUE'/s);
  },
);

test.serial('plugin leaves no process and no directory behind', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'loop', { top: 'for (;;);' });
  await addExample(directory, 'd7y-resource-plugin-pyfs');
  // Of its own, since other tests run plugins at the same time.
  const temporary = await temporaryDirectory(t);
  const command = [process.execPath, CLI, 'plugin', '--plugin-dir', directory];
  const began = performance.now();
  const { stderr } = await run('env', [`TMPDIR=${temporary}`, ...command]);
  t.regex(
    stderr,
    /d7y-resource-plugin-loop\.mjs: "describe failed: expected a response within 10 s, found nothing"/,
  );
  t.true(performance.now() - began < 20_000);
  t.is((await run('pgrep', ['-f', '--', directory])).stdout, '');
  t.deepEqual(await readdir(temporary), []);
});

test('the line for a path that is unknown', (t) => {
  const line = pathFailureLine(new Error('no "home"\n'));
  t.deepEqual(line, { stream: 'stderr', text: String.raw`failed to get plugin path: "no \"home\"\n"` });
});

test('what is said of a directory that failed to be read', (t) => {
  const directories = [{ directory: '/d', failure: { message: 'EACCES' }, entries: [] }];
  t.deepEqual(inventoryLines({ inTree: [], directories }), [
    { stream: 'stderr', text: 'search plugin in /d' },
    { stream: 'stderr', text: 'read plugin dir /d error: EACCES' },
  ]);
});

test('strings and attributes are written as Go writes them', (t) => {
  t.is(goQuote('a"b\\c\n\t\u0001\u2028é'), String.raw`"a\"b\\c\n\t\u0001\u2028é"`);
  t.is(goJson({ b: '<a>&', a: '1' }), String.raw`{"a":"1","b":"\u003ca\u003e\u0026"}`);
});

// S113
test('nothing that a plugin or the name of a file says reaches a terminal as a control', (t) => {
  const evil = 'x\u001b[2J\u007f\u009b\u202e';
  const description = {
    name: 'x',
    type: 'resource' as const,
    scheme: 'x',
    location: evil,
    attributes: { note: evil },
    state: 'failed' as const,
    lastError: null,
    counters: {},
  };
  const lines = inventoryLines({
    inTree: [],
    directories: [
      {
        directory: '/plugins',
        entries: [
          { is: 'usable', fileName: evil, description },
          { is: 'directory', fileName: evil },
          { is: 'other-type', fileName: evil, type: evil },
          { is: 'broken', fileName: evil, error: new Error(evil) },
        ],
      },
    ],
  });
  const catalog = { describe: () => description } as unknown as PluginCatalog;
  const { bytes } = new MadeFiles(catalog).contentOf({ kind: 'plugin', scheme: 'x' }) ?? { bytes: '' };
  for (const text of [...lines.map((line) => line.text), bytes.toString()]) t.regex(text, /^[\n -~]*$/);
  t.is((JSON.parse(bytes.toString()) as typeof description).attributes.note, evil);
});
