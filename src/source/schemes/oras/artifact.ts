/** What a manifest or an index stands for: files by their titles, or a directory for each platform. */
import { ProtocolError } from '../../errors.js';
import { isDigest } from './oras-name.js';

export interface Blob {
  readonly digest: string;
  readonly sizeBytes: number;
}

/** By name; undefined: a directory. */
export type Directory = ReadonlyMap<string, Blob | undefined>;

export interface Artifact {
  readonly digest: string;
  readonly text: string;
  /** By path; '' is the root. */
  readonly directories: ReadonlyMap<string, Directory>;
  /** Of an index: the digests of the manifests, by the name of their directory. */
  readonly platforms: ReadonlyMap<string, string>;
  readonly config: Blob | undefined;
  readonly createdMs: number | undefined;
}

interface Descriptor {
  readonly mediaType?: unknown;
  readonly digest?: unknown;
  readonly size?: unknown;
  readonly annotations?: Readonly<Record<string, unknown>>;
  readonly platform?: Readonly<Record<string, unknown>>;
}

interface Manifest {
  readonly layers?: unknown;
  readonly blobs?: unknown;
  readonly manifests?: unknown;
  readonly config?: unknown;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** `PATH_MAX` of Linux. */
const MAX_TITLE_CHARS = 4_096;
/** Of the paths of all directories on the way to the files: 4 MiB of titles of many levels would make gigabytes. */
const MAX_PATH_CHARS = 16 * 1024 * 1024;

/** What a directory takes beside its path. */
const DIRECTORY_CHARS = 256;

const TITLE = 'org.opencontainers.image.title';
const CREATED = 'org.opencontainers.image.created';

/** `text` has the digest. Throws for what is neither a manifest nor an index. */
export function parseArtifact(text: string, digest: string, url: URL): Artifact {
  const wrong = (expected: string, found: string): ProtocolError =>
    new ProtocolError('the manifest cannot be used', url, { expected, found });
  let manifest: Manifest | null;
  try {
    manifest = JSON.parse(text) as Manifest | null;
  } catch {
    throw wrong('JSON', 'another text');
  }
  const { manifests, layers = manifest?.blobs, config, annotations } = manifest ?? {};
  const created = Date.parse(String(annotations?.[CREATED]));
  const common = { digest, text, createdMs: Number.isNaN(created) ? undefined : created };
  if (Array.isArray(manifests)) {
    const platforms = platformsOf(manifests as readonly Descriptor[], url);
    const names = [...platforms.keys()].map((name) => [name, undefined] as const);
    return { ...common, platforms, directories: new Map([['', new Map(names)]]), config: undefined };
  }
  if (!Array.isArray(layers)) throw wrong('a manifest or an index of OCI or Docker', 'another document');
  return {
    ...common,
    platforms: new Map(),
    directories: directoriesOf(layers as readonly Descriptor[], url),
    config: config === undefined ? undefined : blobOf(config, url),
  };
}

/** About what it takes in memory, in characters. */
export function keptChars({ text, directories }: Artifact): number {
  let chars = text.length + 1;
  for (const path of directories.keys()) chars += path.length + DIRECTORY_CHARS;
  return chars;
}

/** The later of two layers with the same title counts, and a directory before a file of its name. */
function directoriesOf(layers: readonly Descriptor[], url: URL): Map<string, Directory> {
  const directories = new Map<string, Map<string, Blob | undefined>>([['', new Map()]]);
  let pathChars = 0;
  for (const layer of layers) {
    const blob = blobOf(layer, url);
    const segments = titleOf(layer) ?? [nameOf(blob.digest, String(layer.mediaType))];
    let directory = '';
    for (const [depth, name] of segments.entries()) {
      const entries = directories.get(directory) ?? new Map<string, Blob | undefined>();
      directories.set(directory, entries);
      directory = directory === '' ? name : `${directory}/${name}`;
      pathChars += directory.length;
      if (pathChars > MAX_PATH_CHARS) throw tooManyPaths(url);
      if (depth < segments.length - 1) entries.set(name, undefined);
      else if (!directories.has(directory)) entries.set(name, blob);
    }
  }
  return directories;
}

function tooManyPaths(url: URL): ProtocolError {
  const facts = { expected: `at most ${MAX_PATH_CHARS} characters in paths`, found: 'more' };
  return new ProtocolError('the manifest cannot be used', url, facts);
}

/** Undefined: there is none, or none that is a path below the root. */
function titleOf({ annotations }: Descriptor): string[] | undefined {
  const title = annotations?.[TITLE];
  if (typeof title !== 'string' || title.length > MAX_TITLE_CHARS) return undefined;
  const segments = title.split('/');
  const isPath = segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..');
  return isPath && !title.includes('\0') ? segments : undefined;
}

function nameOf(digest: string, mediaType: string): string {
  const [, compression] = /\btar(?:[+.](gzip|zstd))?$/.exec(mediaType) ?? [undefined, 'none'];
  const extensions: Readonly<Record<string, string>> = { gzip: '.tar.gz', zstd: '.tar.zst', none: '' };
  const isJson = /[+/]json$/.test(mediaType);
  return `${digest.replace(':', '-')}${isJson ? '.json' : (extensions[compression ?? ''] ?? '.tar')}`;
}

/** `linux-amd64`, `linux-arm-v7`; by digest where a platform is unknown or not the only one of its name. */
function platformsOf(manifests: readonly Descriptor[], url: URL): Map<string, string> {
  const named = manifests.map((descriptor) => {
    const { digest } = blobOf(descriptor, url);
    const { os, architecture, variant } = descriptor.platform ?? {};
    const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
    const isName = parts.every((part) => /^[\w.]+$/.test(String(part)) && part !== 'unknown');
    return { digest, name: isName && os !== undefined ? parts.join('-') : undefined };
  });
  const count = new Map<string | undefined, number>();
  for (const { name } of named) count.set(name, (count.get(name) ?? 0) + 1);
  return new Map(
    named.map(({ name, digest }) => [
      name === undefined || count.get(name) !== 1 ? digest.replace(':', '-') : name,
      digest,
    ]),
  );
}

function blobOf(descriptor: Descriptor | null, url: URL): Blob {
  const { digest, size } = descriptor ?? {};
  if (typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size) && Number(size) >= 0) {
    return { digest, sizeBytes: Number(size) };
  }
  throw new ProtocolError('the manifest cannot be used', url, {
    expected: 'descriptors with a size, and a digest of SHA-256 or SHA-512',
    found: `digest: ${typeof digest}, size: ${typeof size}`,
  });
}
