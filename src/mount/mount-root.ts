/** `--root`: what a mount shows instead of all URLs. */
import type { SourceCapabilities } from '../source/index.js';
import { redactUrl } from '../source/index.js';
import { messageOf } from '../error-code.js';
import type { Node } from './node.js';
import { nameOfSegment } from './path-name.js';
import { ResourcePath } from './resource-path.js';
import type { RootOption } from './root-option.js';
import { splitUrl } from './split-url.js';

/** A directory, or several by name. */
export type MountRoot = ResourcePath | ReadonlyMap<string, ResourcePath>;

/** A root cannot be used. */
export class MountRootError extends Error {
  override readonly name = 'MountRootError';
  readonly code = 'ROOT';

  constructor({ name, url }: RootOption, message: string, cause?: unknown) {
    const shown = `${name === undefined ? '' : `${name}=`}${redactUrl(url)}`;
    super(`root ${shown}: ${message}`, cause === undefined ? undefined : { cause });
  }
}

/** Undefined: the mount has all URLs. */
export function mountRoot(
  options: readonly RootOption[],
  capabilitiesOf: (scheme: string) => SourceCapabilities,
): MountRoot | undefined {
  const [first] = options;
  if (first === undefined) return undefined;
  if (first.name === undefined && options.length === 1) return rootPath(first, capabilitiesOf);
  const roots = new Map<string, ResourcePath>();
  for (const option of options) {
    const { name } = option;
    if (name === undefined) throw new MountRootError(option, 'of several roots each needs a name: NAME=URL');
    if (roots.has(name)) throw new MountRootError(option, 'another root has that name');
    const path = rootPath(option, capabilitiesOf);
    // The kernel knows a directory by one path only.
    for (const [other, { url }] of roots) {
      if (isAtOrBelow(url, path.url) || isAtOrBelow(path.url, url)) {
        throw new MountRootError(option, `expected no URL that is, contains or is inside that of ${other}`);
      }
    }
    roots.set(name, path);
  }
  return roots;
}

export function rootNode(root: MountRoot | undefined): Node {
  if (root === undefined) return { kind: 'root' };
  if (root instanceof ResourcePath) return { kind: 'resource', type: 'directory', path: root };
  return { kind: 'roots', roots: root };
}

export function isAtOrBelow(url: string, root: string): boolean {
  return url === root || url.startsWith(`${root}/`);
}

function rootPath(option: RootOption, capabilitiesOf: (scheme: string) => SourceCapabilities): ResourcePath {
  const parts = splitUrl(option.url);
  if (parts === undefined) throw new MountRootError(option, 'expected SCHEME://HOST/PATH');
  const { scheme, host, segments, query, fragment } = parts;
  if (query !== '' || fragment !== '') {
    throw new MountRootError(option, 'expected a directory, without query and fragment');
  }
  const capabilities = capabilitiesOf(scheme);
  try {
    let path = ResourcePath.ofHost(scheme, host, capabilities);
    for (const segment of segments)
      path = path.child(nameOfSegment(segment, capabilities.queries) ?? segment);
    return path.asRoot(option.name === undefined ? '' : `/${option.name}`);
  } catch (error) {
    throw new MountRootError(option, messageOf(error), error);
  }
}
