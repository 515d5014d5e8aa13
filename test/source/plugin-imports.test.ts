/** What is checked of a plugin is what is started, and it imports only what others cannot have put there. */
import { chmod, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { checkTrust } from '../../src/source/plugin/trust.js';
import { addExample, addModule, clientOf, pluginDirectory, pluginSet, textOf } from '../support/plugins.js';
import { temporaryDirectory } from '../support/temp.js';

/** `outer/shared` is as /tmp is, and a plugin directory lies in it. */
async function sharedPlace(t: ExecutionContext): Promise<{ outer: string; shared: string; plugins: string }> {
  const outer = await temporaryDirectory(t);
  const [shared, plugins] = [join(outer, 'shared'), join(outer, 'shared', 'plugins')];
  await mkdir(plugins, { recursive: true });
  await chmod(shared, 0o1777);
  await chmod(plugins, 0o755);
  return { outer, shared, plugins };
}

/** A package whose only value is where it was found; `mode`: of `node_modules`. */
async function addPackage(directory: string, where: string, mode = 0o755): Promise<void> {
  const folder = join(directory, 'node_modules', 'found');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"name":"found","main":"index.js"}');
  await writeFile(join(folder, 'index.js'), `module.exports = '${where}';`);
  await chmod(join(directory, 'node_modules'), mode);
}

const BY_IMPORT = { top: "import found from 'found';", client: 'download: () => found,' };
const WAYS = {
  import: BY_IMPORT,
  'import()': { ...BY_IMPORT, top: "const { default: found } = await import('found');" },
  require: {
    ...BY_IMPORT,
    top: "import { createRequire } from 'node:module'; const found = createRequire(import.meta.url)('found');",
  },
};

for (const [title, parts] of Object.entries(WAYS)) {
  test.serial(`${title}: a package in a directory that others can write to is passed over`, async (t) => {
    const { outer, shared, plugins } = await sharedPlace(t);
    await addPackage(shared, 'theirs', 0o777);
    await addModule(plugins, 'one', parts);
    const alone = pluginSet(t, plugins);
    await t.throwsAsync(clientOf(alone, 'one'), { message: /not trusted|Cannot find/ });
    await addPackage(outer, 'right');
    t.is(await textOf(await clientOf(pluginSet(t, plugins), 'one'), 'one://h/x'), 'right');
    await addPackage(plugins, 'nearest');
    t.is(await textOf(await clientOf(pluginSet(t, plugins), 'one'), 'one://h/x'), 'nearest');
  });
}

test.serial('a CommonJS module requires nothing that others could have put there', async (t) => {
  const { outer, shared, plugins } = await sharedPlace(t);
  await addPackage(shared, 'theirs', 0o777);
  await addPackage(outer, 'right');
  const path = await addModule(plugins, 'one', { client: "download: () => require('found')," });
  const text = await readFile(path, 'utf8');
  await writeFile(
    join(plugins, 'd7y-resource-plugin-two.cjs'),
    text
      .replace('export function DragonflyPluginInit', 'exports.DragonflyPluginInit = function')
      .replaceAll("'one'", "'two'"),
    { mode: 0o644 },
  );
  t.is(await textOf(await clientOf(pluginSet(t, plugins), 'two'), 'two://h/x'), 'right');
});

test.serial('a file that others can write to is not imported by its path either', async (t) => {
  const { outer, plugins } = await sharedPlace(t);
  const loose = join(outer, 'loose.mjs');
  await writeFile(loose, "export default 'loose';");
  await chmod(loose, 0o666);
  await addModule(plugins, 'one', { top: `import '${loose}';` });
  await t.throwsAsync(clientOf(pluginSet(t, plugins), 'one'), { message: /loose\.mjs is not trusted/ });
});

test.serial('a link by way of a directory that others can write to is refused', async (t) => {
  const { outer, plugins } = await sharedPlace(t);
  const open = join(outer, 'open');
  await mkdir(open);
  await chmod(open, 0o777);
  const good = await addModule(await pluginDirectory(t), 'one');
  // A user who can write to `open` lets it lead to something else, between the check and the start.
  await symlink(good, join(open, 'link'));
  await symlink(join(open, 'link'), join(plugins, 'd7y-resource-plugin-one.mjs'));
  const uid = process.getuid?.() ?? 0;
  await t.throwsAsync(checkTrust(join(plugins, 'd7y-resource-plugin-one.mjs'), uid), {
    message: /open is not trusted: others may write to it/,
  });
  await t.throwsAsync(clientOf(pluginSet(t, plugins), 'one'), { message: /open is not trusted/ });
});

test.serial('a program is started by its real path', async (t) => {
  const [place, plugins] = [await pluginDirectory(t), await pluginDirectory(t)];
  await addExample(place, 'd7y-resource-plugin-pyfs');
  await symlink(join(place, 'd7y-resource-plugin-pyfs'), join(plugins, 'd7y-resource-plugin-pyfs'));
  const set = pluginSet(t, plugins);
  await clientOf(set, 'pyfs');
  const [pid] = set.pids;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
  t.true(
    commandLine.split('\0').includes(join(await realpath(place), 'd7y-resource-plugin-pyfs')),
    commandLine,
  );
});
