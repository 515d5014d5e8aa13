/** PROPFIND (RFC 4918, 9.1): the properties of one resource, or of what is right below a directory. */
import type { HttpCaller, HttpEngine, HttpRequest, TextReader } from '../../http/http-engine.js';
import { type BatchReader, streamDocument } from '../../http/streamed-document.js';
import { ProtocolError } from '../../errors.js';
import { percentDecoded } from '../../byte-text.js';
import { MalformedXml, XmlEvents } from '../../xml-events.js';
import { nameBelow, pathOfHref } from './href.js';
import { Multistatus, type ResourceRow } from './multistatus.js';
import type { WebdavServer } from './webdav-server.js';

/** Named, since some servers would compute all that they have. */
const NAMES = ['resourcetype', 'getcontentlength', 'getlastmodified', 'getetag'];
const OWN_CLOUD = /\/(?:remote|public)\.php\//;
/** So many entries are handed on at once. */
const BATCH_ROWS = 1_000;
const MAX_SHOWN_CHARS = 300;

export interface NamedRow {
  /** Decoded. */
  readonly name: string;
  readonly row: ResourceRow;
}

export interface ListedRows {
  readonly named: readonly NamedRow[];
  /** One of the hrefs that are not shown. */
  readonly unusable: string | undefined;
  /** The URL is that of a file. */
  readonly isFile: boolean;
}

/** Of the resource itself. */
export async function findProperties(
  engine: HttpEngine,
  server: WebdavServer,
  caller: HttpCaller,
): Promise<ResourceRow> {
  const { url } = caller;
  const request = await requestFor(server, url, '0');
  const row = await engine.fetchPieces(request, caller, (answer) => new OwnReader(url, pathOf(answer.url)));
  if (row !== undefined) return row;
  throw new ProtocolError('the server does not speak WebDAV here', url, {
    expected: 'the properties of the resource',
    found: 'none',
  });
}

/** Of what is right below the directory `caller.url`, in batches. */
export async function* listProperties(
  engine: HttpEngine,
  server: WebdavServer,
  caller: HttpCaller,
): AsyncGenerator<ListedRows> {
  const request = await requestFor(server, caller.url, '1');
  yield* streamDocument(
    engine,
    request,
    caller,
    BATCH_ROWS,
    ({ url }) => new DirectoryReader(caller.url, pathOf(url)),
  );
}

async function requestFor(server: WebdavServer, url: URL, depth: '0' | '1'): Promise<HttpRequest> {
  const target = server.target(url);
  return {
    ...(await server.profile(url)),
    url: target,
    method: 'PROPFIND',
    header: { depth, accept: 'application/xml, text/xml' },
    body: { type: 'application/xml; charset=utf-8', text: bodyFor(target), isPublic: true },
    allowed: [207],
  };
}

function bodyFor({ pathname }: URL): string {
  const checksums = OWN_CLOUD.test(pathname) ? '<checksums xmlns="http://owncloud.org/ns"/>' : '';
  const names = NAMES.map((name) => `<D:${name}/>`).join('');
  return `<?xml version="1.0" encoding="utf-8"?>\n<D:propfind xmlns:D="DAV:"><D:prop>${names}${checksums}</D:prop></D:propfind>`;
}

/** Decoded, with a slash at its end. */
function pathOf({ pathname }: URL): string {
  return percentDecoded(pathname.endsWith('/') ? pathname : `${pathname}/`);
}

/** Finds the row that is for the requested path; of a server that calls it otherwise, the first one. */
class OwnReader implements TextReader<ResourceRow | undefined> {
  readonly #url: URL;
  readonly #events: XmlEvents;
  #first: ResourceRow | undefined;
  #own: ResourceRow | undefined;

  constructor(url: URL, path: string) {
    this.#url = url;
    this.#events = new XmlEvents(
      new Multistatus((row) => {
        this.#first ??= row;
        if (nameBelow(pathOfHref(row.href, path), path) === '') this.#own ??= row;
      }),
    );
  }

  read(text: string): number {
    readable(this.#url, () => this.#events.read(text));
    return 0;
  }

  end(): ResourceRow | undefined {
    readable(this.#url, () => this.#events.end());
    return this.#own ?? this.#first;
  }
}

/** Reads the rows of a directory, and finds their names. */
class DirectoryReader implements BatchReader<ListedRows> {
  readonly #url: URL;
  readonly #events: XmlEvents;
  readonly #requested: string;
  #path: string;
  #isFirst = true;
  /** A row was the directory's own, under the path that was requested. */
  #hasOwn = false;
  /** A row that is not below the directory. */
  #elsewhere: string | undefined;
  #rows = 0;
  #named: NamedRow[] = [];
  #unusable: string | undefined;
  #isFile = false;

  constructor(url: URL, path: string) {
    this.#url = url;
    this.#requested = path;
    this.#path = path;
    this.#events = new XmlEvents(new Multistatus((row) => this.#onRow(row)));
  }

  read(text: string): number {
    const before = this.#rows;
    readable(this.#url, () => this.#events.read(text));
    return this.#rows - before;
  }

  /** Where the directory is not found by its path, what is elsewhere may be all of it: it would look empty. */
  end(): void {
    readable(this.#url, () => this.#events.end());
    if (this.#hasOwn || this.#elsewhere === undefined) return;
    throw new ProtocolError('the listing is that of another directory', this.#url, {
      expected: `paths below ${this.#path}`,
      found: this.#elsewhere,
    });
  }

  take(): ListedRows {
    const rows = { named: this.#named, unusable: this.#unusable, isFile: this.#isFile };
    this.#named = [];
    return rows;
  }

  #onRow(row: ResourceRow): void {
    this.#rows += 1;
    const name = this.#nameOf(row);
    if (name === undefined) this.#unusable ??= row.href.slice(0, MAX_SHOWN_CHARS);
    else if (name !== '') this.#named.push({ name, row });
    else if (!row.isDirectory) this.#isFile = true;
  }

  #nameOf(row: ResourceRow): string | undefined {
    const path = pathOfHref(row.href, this.#path);
    const name = nameBelow(path, this.#path);
    // Behind a proxy that gives the server another path, it lists itself under its own; mostly, first.
    const isOther = this.#isFirst && name === undefined && row.isDirectory;
    this.#isFirst = false;
    if (name === '' && this.#path === this.#requested) this.#hasOwn = true;
    if (!isOther) {
      if (name === undefined && !path.startsWith(this.#path))
        this.#elsewhere ??= path.slice(0, MAX_SHOWN_CHARS);
      return name;
    }
    this.#path = path.endsWith('/') ? path : `${path}/`;
    return '';
  }
}

function readable(url: URL, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof MalformedXml)) throw error;
    const facts = { expected: error.expected, found: error.message };
    throw new ProtocolError('the listing cannot be read', url, facts);
  }
}
