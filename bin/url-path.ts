/** `d7y-mount path URL` and `d7y-mount url PATH`: what shows a URL, and what a path shows. Neither touches a mount. */
import { isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';

import { isAtOrBelow, type MountRoot, mountRoot } from '../src/mount/mount-root.js';
import { findMount, FS_TYPE, readMounts } from '../src/mount/mount-table.js';
import { nameOfSegment, segmentOfName } from '../src/mount/path-name.js';
import { ResourcePath } from '../src/mount/resource-path.js';
import { rootOptions } from '../src/mount/root-option.js';
import { splitUrl } from '../src/mount/split-url.js';
import { IN_TREE } from '../src/source/in-tree.js';
import { redactUrl } from '../src/source/safe-text.js';
import { DEFAULT_CAPABILITIES, type SourceCapabilities } from '../src/source/source.js';
import { CommandFailure, EXIT } from './command-failure.js';
import type { GivenOptions } from './config/options.js';

/** `given`: the mountpoint, which need not be there. */
export async function printPath(
  url: string,
  given: string | undefined,
  options: GivenOptions,
): Promise<void> {
  const mountpoint = given === undefined ? await onlyMountpoint() : resolve(given);
  const root = await rootOf(mountpoint, options);
  process.stdout.write(`${join(mountpoint, pathOfUrl(url, root))}\n`);
}

export async function printUrl(path: string, options: GivenOptions): Promise<void> {
  const absolute = resolve(path);
  const mountpoint = await mountpointOf(path);
  const root = await rootOf(mountpoint, options);
  process.stdout.write(`${urlOfPath(absolute.slice(mountpoint.length), path.endsWith('/'), root)}\n`);
}

/** The URLs that a path shows, with all that is below it, as `UrlSet` takes them: of a mountpoint and a scheme, too. */
export async function urlsBelow(path: string, options: GivenOptions): Promise<readonly string[]> {
  return (await urlTranslator(await mountpointOf(path), options))(path);
}

/** `urlsBelow`, for many paths of one mount. Throws for others. */
export async function urlTranslator(
  mountpoint: string,
  options: GivenOptions,
): Promise<(path: string) => readonly string[]> {
  const root = await rootOf(mountpoint, options);
  return (path) => {
    const absolute = resolve(path);
    if (!isBelow(absolute, mountpoint)) throw new Error(`${path} is not below ${mountpoint}`);
    const below = absolute.slice(mountpoint.length);
    const names = below.split('/').filter((name) => name !== '');
    if (names.length === 0) {
      if (root === undefined) return [''];
      return root instanceof ResourcePath ? [root.url] : [...root.values()].map(({ url }) => url);
    }
    if (names.length === 1 && root === undefined) return [`${names[0]}:`];
    return [urlOfPath(below, false, root).replace(/\/$/, '')];
  };
}

/** Of a URL, as resources are named. */
export function canonicalUrl(url: string): string {
  return urlOfPath(pathOfUrl(url)).replace(/\/$/, '');
}

export async function mountpointOf(path: string): Promise<string> {
  const absolute = resolve(path);
  const mountpoints = (await mountpointsOfUser()).filter((one) => isBelow(absolute, one));
  const mountpoint = mountpoints.toSorted((a, b) => b.length - a.length)[0];
  if (mountpoint === undefined)
    throw new CommandFailure(EXIT.notRunning, `${path} is below no mount of d7y-mount`);
  return mountpoint;
}

/** Of a path below the mountpoint. */
export function urlOfPath(path: string, isDirectory = false, root?: MountRoot): string {
  const found = placeAt(
    path.split('/').filter((name) => name !== ''),
    root,
  );
  if (found === undefined) {
    const expected = root === undefined ? 'a scheme and a host' : 'the name of a root';
    throw new Error(`${path === '' ? 'the mountpoint' : path} shows no URL: that needs ${expected}`);
  }
  const place = found.names.reduce((directory, name) => directory.child(name), found.top);
  return isDirectory || found.names.length === 0 ? `${place.url}/` : place.url;
}

interface Place {
  readonly top: ResourcePath;
  /** Below it. */
  readonly names: readonly string[];
}

function placeAt(names: readonly string[], root: MountRoot | undefined): Place | undefined {
  if (root instanceof ResourcePath) return { top: root, names };
  const [first = '', second, ...others] = names;
  if (root !== undefined) {
    const top = root.get(first);
    return top && { top, names: names.slice(1) };
  }
  if (second === undefined || first.startsWith('.')) return undefined;
  return { top: ResourcePath.ofHost(first, second, capabilitiesOf(first)), names: others };
}

/** Below the mountpoint. */
export function pathOfUrl(text: string, root?: MountRoot): string {
  const parts = splitUrl(text);
  if (parts === undefined) throw new Error(`${redactUrl(text)} is no URL: expected SCHEME://HOST/PATH`);
  const { scheme, host, query } = parts;
  const { queries } = capabilitiesOf(scheme);
  const top = ResourcePath.ofHost(scheme, host, capabilitiesOf(scheme));
  const segments = [...parts.segments];
  // A name has no slash.
  if (query !== '') segments.push(`${segments.pop() ?? ''}${query.replaceAll('/', '%2F')}`);
  const names = segments.map((segment) => {
    // As people write it: what a URL cannot hold may be there as it is.
    const name = nameOfSegment(segmentOfName(segment, queries), queries);
    if (name === undefined)
      throw new Error(`no path shows ${redactUrl(text)}: its path has a name that no file has`);
    return name;
  });
  if (root === undefined) return ['', scheme, top.host, ...names].join('/');
  const place = names.reduce((directory, name) => directory.child(name), top);
  const roots = root instanceof ResourcePath ? [['', root] as const] : [...root];
  const found = roots.find(([, { url }]) => isAtOrBelow(place.url, url));
  if (found === undefined) throw new Error(`no path shows ${redactUrl(text)}: it is in no root of the mount`);
  const [rootName, { url: rootUrl }] = found;
  const depth = rootUrl.split('/').length - top.url.split('/').length;
  const shown = [...(rootName === '' ? [] : [rootName]), ...names.slice(depth)];
  return shown.map((name) => `/${name}`).join('');
}

function capabilitiesOf(scheme: string): SourceCapabilities {
  return IN_TREE.find(({ schemes }) => schemes.includes(scheme))?.capabilities ?? DEFAULT_CAPABILITIES;
}

/** Of the mount that is there; else of the one that the configuration would make. */
export async function rootOf(mountpoint: string, given: GivenOptions): Promise<MountRoot | undefined> {
  const mount = await findMount(mountpoint);
  let roots: readonly string[] | undefined;
  if (mount !== undefined) {
    const { recordedRoots } = await import('./serving-process.js');
    roots = await recordedRoots(mount);
  }
  if (roots === undefined) {
    const { loadConfiguration } = await import('./config/load-configuration.js');
    roots = (await loadConfiguration(given)).options.root;
  }
  return mountRoot(rootOptions(roots), capabilitiesOf);
}

async function onlyMountpoint(): Promise<string> {
  const [first, ...others] = await mountpointsOfUser();
  if (first === undefined)
    throw new Error('no mount of d7y-mount is there; say where one would be: path URL MOUNTPOINT');
  if (others.length > 0) {
    throw new Error(`there are several mounts; say which: ${[first, ...others].join(', ')}`);
  }
  return first;
}

/** The kernel shows the mountpoints of others too, where only they can look. */
async function mountpointsOfUser(): Promise<string[]> {
  const uid = process.getuid?.();
  const ours = (await readMounts()).filter(({ fsType }) => fsType === FS_TYPE);
  const own = ours.filter(({ userId }) => userId === uid);
  return [...new Set((own.length > 0 ? own : ours).map(({ mountpoint }) => mountpoint))].filter(isAbsolute);
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
