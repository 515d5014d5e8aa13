/** The manifests of deploy/kubernetes are what Kubernetes takes, and what they say to d7y-mount is what it takes. */
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Ajv } from 'ajv';
import test from 'ava';
import { Command } from 'commander';
import { parse, parseAllDocuments } from 'yaml';

import { addMountOptions, givenOptions } from '../../bin/config/command-options.js';
import type { Configuration } from '../../bin/config/configuration.js';
import { loadConfiguration } from '../../bin/config/load-configuration.js';
import { withFittingMemory } from '../../bin/fitting-memory.js';
import { DEFAULT_CAPABILITIES } from '../../src/source/source.js';
import { mountRoot } from '../../src/mount/mount-root.js';
import { rootOptions } from '../../src/mount/root-option.js';
import { parseSize } from '../../src/quantity.js';
import { temporaryDirectory } from '../support/temp.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

interface Schemas {
  readonly kinds: Readonly<Record<string, object>>;
  readonly definitions: object;
}

interface Mounted {
  readonly name: string;
  readonly mountPath: string;
  readonly mountPropagation?: string;
}

interface Container {
  readonly args: readonly string[];
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly volumeMounts: readonly Mounted[];
}

interface PodSpec {
  readonly containers: readonly [Container];
  readonly volumes: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string };
    readonly projected?: { readonly defaultMode: number };
  }[];
}

interface Manifest {
  readonly kind: string;
  readonly spec: PodSpec & { readonly template: { readonly spec: PodSpec } };
  readonly data: { readonly 'config.yaml': string };
}

async function manifests(name: string): Promise<Manifest[]> {
  const text = await readFile(join(ROOT, 'deploy/kubernetes', name), 'utf8');
  // As Kubernetes reads it: 0400 is octal.
  return parseAllDocuments(text, { version: '1.1' }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error;
    return document.toJS() as Manifest;
  });
}

async function manifest(name: string, kind: string): Promise<Manifest> {
  const found = (await manifests(name)).find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`${name} has no ${kind}`);
  return found;
}

async function faultsOf(): Promise<(manifest: Manifest) => string[]> {
  const text = await readFile(join(ROOT, 'test/support/kubernetes/schemas.json'), 'utf8');
  const { kinds, definitions } = JSON.parse(text) as Schemas;
  const ajv = new Ajv({ strict: false, allErrors: true });
  const validators = new Map(
    Object.entries(kinds).map(([kind, schema]) => [kind, ajv.compile({ ...schema, definitions })]),
  );
  return (found) => {
    const validate = validators.get(found.kind);
    if (validate === undefined) return [`no schema of ${found.kind}`];
    validate(found);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
}

test('the manifests have only fields that Kubernetes knows, of the right types', async (t) => {
  const faults = await faultsOf();
  const all = [...(await manifests('d7y-mount.yaml')), ...(await manifests('reader.yaml'))];
  t.deepEqual(
    all.map(({ kind }) => kind),
    ['Namespace', 'ConfigMap', 'Secret', 'DaemonSet', 'Pod'],
  );
  for (const one of all) t.deepEqual(faults(one), [], one.kind);
  const text = JSON.stringify(await manifest('d7y-mount.yaml', 'DaemonSet'));
  for (const [right, wrong] of [
    ['"mountPropagation"', '"mountPropogation"'],
    ['"privileged":true', '"privileged":"yes"'],
    ['"periodSeconds":10', '"periodSeconds":"10s"'],
    ['"port":"metrics"', '"prot":"metrics"'],
  ] as const) {
    t.true(text.includes(right), right);
    t.not(faults(JSON.parse(text.replace(right, wrong)) as Manifest).length, 0, wrong);
  }
});

/** What the container of the DaemonSet says, with its configuration, laid out as the kubelet does. */
async function configuredIn(directory: string): Promise<Configuration & { readonly mountpoint: string }> {
  const { spec } = (await manifest('d7y-mount.yaml', 'DaemonSet')).spec.template;
  const command = addMountOptions(new Command()).argument('<mountpoint>').exitOverride();
  command.parse(
    spec.containers[0].args.map((argument) => argument.replace(/\$\((?:NODE|POD)_IP\)/, '192.0.2.1')),
    { from: 'user' },
  );
  const version = join(directory, '..2026_11_29');
  await mkdir(version);
  const { data } = await manifest('d7y-mount.yaml', 'ConfigMap');
  await writeFile(join(version, 'config.yaml'), data['config.yaml'], { mode: 0o400 });
  await symlink('..2026_11_29', join(directory, '..data'));
  await symlink('..data/config.yaml', join(directory, 'config.yaml'));
  await chmod(directory, 0o1777);
  const given = { ...givenOptions(command), config: join(directory, 'config.yaml') };
  const loaded = await loadConfiguration(given, { NODE_IP: '192.0.2.1' });
  return { ...loaded, mountpoint: command.args[0] ?? '' };
}

test('the arguments and the configuration of the DaemonSet are those of d7y-mount', async (t) => {
  const { spec } = (await manifest('d7y-mount.yaml', 'DaemonSet')).spec.template;
  const [container] = spec.containers;
  const configuration = await configuredIn(await temporaryDirectory(t));
  const { options, mountpoint, rules } = configuration;
  t.deepEqual(configuration.warnings, []);
  t.like(options, { allowOther: true, p2pProxy: 'http://192.0.2.1:4001', metricsListen: { port: 9570 } });
  t.is(rules.filter(({ settings }) => settings.p2p === true).length, 2);
  t.notThrows(() => mountRoot(rootOptions(options.root), () => DEFAULT_CAPABILITIES));
  const path = '/sys/fs/cgroup/memory.max';
  const bytes = parseSize(`${container.resources.limits.memory}B`) ?? 0;
  t.deepEqual(withFittingMemory(configuration, { bytes, path }).warnings, [], 'its memory fits');
  t.deepEqual(container.lifecycle.preStop.exec.command, ['d7y-mount', 'unmount', mountpoint]);
  const [mnt, cache] = container.volumeMounts;
  t.true(mountpoint.startsWith(`${mnt?.mountPath}/`));
  t.is(mnt?.mountPropagation, 'Bidirectional');
  t.is(options.cacheDir, cache?.mountPath);
  t.is(spec.volumes.find(({ name }) => name === 'config')?.projected?.defaultMode, 0o400);
});

test('the reader sees what is mounted later, where it is mounted', async (t) => {
  const { template } = (await manifest('d7y-mount.yaml', 'DaemonSet')).spec;
  const { spec } = await manifest('reader.yaml', 'Pod');
  const hostPath = ({ volumes }: PodSpec): string | undefined => volumes[0]?.hostPath?.path;
  t.is(hostPath(spec), hostPath(template.spec));
  t.is(spec.containers[0].volumeMounts[0]?.mountPropagation, 'HostToContainer');
});

test('a configuration in a directory that every user can write to is refused', async (t) => {
  const directory = await temporaryDirectory(t);
  await configuredIn(directory);
  await chmod(directory, 0o777);
  await t.throwsAsync(loadConfiguration({ config: join(directory, 'config.yaml') }, { NODE_IP: 'x' }), {
    code: 'CONFIGURATION',
  });
});

test('what the manifest reads with credentials by way of the cluster has a scope', async (t) => {
  const { data } = await manifest('d7y-mount.yaml', 'ConfigMap');
  const { sources } = parse(data['config.yaml']) as { sources: Record<string, unknown>[] };
  const closed = sources.filter(({ credentials, p2p }) => p2p === true && typeof credentials === 'object');
  t.true(closed.length > 0);
  for (const rule of closed) t.is(typeof rule['shareScope'], 'string');
});
