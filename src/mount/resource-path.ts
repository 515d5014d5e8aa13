import { DEFAULT_CAPABILITIES, type SourceCapabilities } from '../source/index.js';
import { FsError } from './fs-error.js';
import { segmentOfName, stepsUp } from './path-name.js';

/** More than servers take. A walk can go as deep as it likes, and each level on the way keeps its URL. */
const MAX_URL_CHARS = 16 * 1024;

/** What a mount with `--root` shows. */
interface Root {
  readonly url: string;
  readonly path: string;
}

/** A place below `/<scheme>/<host>`, or below a root of the mount. Immutable. */
export class ResourcePath {
  readonly scheme: string;
  readonly host: string;
  /** The canonical URL, without a trailing slash. */
  readonly url: string;
  /** Of the scheme's source. */
  readonly capabilities: SourceCapabilities;
  /** Undefined: the mount has all URLs. */
  readonly #root: Root | undefined;

  private constructor(
    scheme: string,
    host: string,
    url: string,
    capabilities: SourceCapabilities,
    root?: Root,
  ) {
    this.scheme = scheme;
    this.host = host;
    this.url = url;
    this.capabilities = capabilities;
    this.#root = root;
  }

  /** For messages: the path below the mountpoint, as in the URL. */
  get path(): string {
    if (this.#root === undefined) return `/${this.scheme}/${this.url.slice(this.url.indexOf('//') + 2)}`;
    return `${this.#root.path}${this.url.slice(this.#root.url.length)}` || '/';
  }

  /** The place as what a mount shows at `path` (empty: at its root): no name leads out of it. */
  asRoot(path: string): ResourcePath {
    const root = { url: this.url, path };
    return new ResourcePath(this.scheme, this.host, this.url, this.capabilities, root);
  }

  /**
   * The root of a host. Throws unless `name` is a host of the scheme, with an optional port by default. `%3A` stands for a
   * colon, which ends a path in PATH, in make and in Java.
   */
  static ofHost(scheme: string, name: string, capabilities = DEFAULT_CAPABILITIES): ResourcePath {
    if (name.includes('@')) {
      throw new FsError(
        'INVALID_NAME',
        name.replace(/^.*@/, '…@'),
        'credentials belong in the configuration',
      );
    }
    const plain = name.replaceAll(/%3a/gi, ':');
    const host =
      capabilities.hostOf === undefined ? canonicalHost(scheme, plain) : capabilities.hostOf(plain);
    if (host === undefined) throw new FsError('NO_ENTRY', name, `is not a host of ${scheme}`);
    return new ResourcePath(scheme, host, `${scheme}://${host}`, capabilities);
  }

  child(name: string): ResourcePath {
    const segment = segmentOfName(name, this.capabilities.queries);
    if (!this.contains(segment)) throw new FsError('INVALID_NAME', name, 'name would leave its directory');
    return this.childOfSegment(segment);
  }

  /** Whether no server takes the segment for a way out of the root. */
  contains(segment: string): boolean {
    return this.#root === undefined || !stepsUp(segment);
  }

  /** `segment` is percent-encoded, and may carry a query. */
  childOfSegment(segment: string): ResourcePath {
    if (this.url.length + segment.length >= MAX_URL_CHARS) {
      const why = `its URL is longer than ${MAX_URL_CHARS} characters`;
      throw new FsError('NAME_TOO_LONG', this.path, why);
    }
    return new ResourcePath(this.scheme, this.host, `${this.url}/${segment}`, this.capabilities, this.#root);
  }

  /** Whether it is a host, or a root of the mount. */
  get isTop(): boolean {
    return this.url === (this.#root?.url ?? `${this.scheme}://${this.host}`);
  }

  /** The URL of the directory that it is in. */
  get parentUrl(): string {
    const query = this.url.indexOf('?');
    return this.url.slice(0, this.url.lastIndexOf('/', query === -1 ? undefined : query));
  }

  /** The last segment, with its query; empty for the root of a host. */
  get name(): string {
    return this.url.slice(this.parentUrl.length + 1);
  }

  /** Whether the last name carries a query: then it is a file. */
  get hasQuery(): boolean {
    return this.url.includes('?');
  }
}

function canonicalHost(scheme: string, name: string): string | undefined {
  if (!/^(?:[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/.test(name)) {
    return undefined;
  }
  try {
    return new URL(`${scheme}://${name.toLowerCase()}`).host || undefined;
  } catch {
    return undefined;
  }
}
