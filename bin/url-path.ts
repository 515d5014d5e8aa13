/** `d7y-mount path URL` and `d7y-mount url PATH`: what shows a URL, and what a path shows. Neither touches a mount. */
import { isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';

import { FS_TYPE, readMounts } from '../src/mount/mount-table.js';
import { nameOfSegment } from '../src/mount/path-name.js';
import { ResourcePath } from '../src/mount/resource-path.js';
import { IN_TREE } from '../src/source/in-tree.js';
import { redactUrl } from '../src/source/safe-text.js';
import { DEFAULT_CAPABILITIES, type SourceCapabilities } from '../src/source/source.js';

/** `given`: the mountpoint, which need not be there. */
export async function printPath(url: string, given: string | undefined): Promise<void> {
  const mountpoint = given === undefined ? await onlyMountpoint() : resolve(given);
  process.stdout.write(`${join(mountpoint, pathOfUrl(url))}\n`);
}

export async function printUrl(path: string): Promise<void> {
  const absolute = resolve(path);
  const mountpoints = (await mountpointsOfUser()).filter((one) => isBelow(absolute, one));
  const mountpoint = mountpoints.toSorted((a, b) => b.length - a.length)[0];
  if (mountpoint === undefined) throw new Error(`${path} is below no mount of d7y-mount`);
  process.stdout.write(`${urlOfPath(absolute.slice(mountpoint.length), path.endsWith('/'))}\n`);
}

/** Of a path below the mountpoint. */
export function urlOfPath(path: string, isDirectory = false): string {
  const [scheme, host, ...names] = path.split('/').filter((name) => name !== '');
  if (scheme === undefined || host === undefined || scheme.startsWith('.')) {
    throw new Error(`${path === '' ? 'the mountpoint' : path} shows no URL: that needs a scheme and a host`);
  }
  let place = ResourcePath.ofHost(scheme, host, capabilitiesOf(scheme));
  for (const name of names) place = place.child(name);
  return isDirectory || names.length === 0 ? `${place.url}/` : place.url;
}

/** Below the mountpoint. */
export function pathOfUrl(text: string): string {
  const [, scheme, host, path = '', query = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#]+)(\/[^?#]*)?(\?[^#]*)?(?:#.*)?$/i.exec(text) ?? [];
  if (scheme === undefined || host === undefined) {
    throw new Error(`${redactUrl(text)} is no URL: expected SCHEME://HOST/PATH`);
  }
  const capabilities = capabilitiesOf(scheme.toLowerCase());
  const root = ResourcePath.ofHost(scheme.toLowerCase(), host, capabilities);
  const segments = path.slice(1).replace(/\/$/, '').split('/');
  if (path.length <= 1) segments.length = 0;
  // A name has no slash.
  if (query !== '') segments.push(`${segments.pop() ?? ''}${query.replaceAll('/', '%2F')}`);
  const names = segments.map((segment) => {
    const name = nameOfSegment(segment, capabilities.queries);
    if (name === undefined)
      throw new Error(`no path shows ${redactUrl(text)}: its path has a name that no file has`);
    return name;
  });
  return ['', root.scheme, root.host, ...names].join('/');
}

function capabilitiesOf(scheme: string): SourceCapabilities {
  return IN_TREE.find(({ schemes }) => schemes.includes(scheme))?.capabilities ?? DEFAULT_CAPABILITIES;
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
