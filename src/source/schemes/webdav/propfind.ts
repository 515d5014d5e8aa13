/** PROPFIND (RFC 4918, 9.1): the properties of one resource, or of what is right below a directory. */
import type { HttpCaller, HttpEngine, HttpRequest } from '../../http/http-engine.js';
import { type BatchReader, streamDocument } from '../../http/streamed-document.js';
import { ProtocolError } from '../../errors.js';
import { percentDecoded } from '../../byte-text.js';
import { MalformedXml, XmlEvents } from '../../xml-events.js';
import { xmlReader } from '../bucket/listing-pages.js';
import { nameBelow, pathOfHref } from './href.js';
import { Multistatus, type ResourceRow } from './multistatus.js';
import type { WebdavServer } from './webdav-server.js';

/** Named, since some servers would compute all that they have. */
const NAMES = ['resourcetype', 'getcontentlength', 'getlastmodified', 'getetag'];
const OWN_CLOUD = /\/(?:remote|public)\.php\//;
/** So many entries are handed on at once. */
const BATCH_ROWS = 1_000;

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
  const rows = await engine.fetchPieces(request, caller, (answer) => {
    const own = percentDecoded(answer.url.pathname);
    return xmlReader(url, new OwnRow(own));
  });
  if (rows.own !== undefined) return rows.own;
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
    ({ url }) => new DirectoryReader(caller.url, percentDecoded(url.pathname)),
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

/** The row that is for the requested path; of a server that calls it otherwise, the first one. */
class OwnRow extends Multistatus {
  readonly #path: string;
  #first: ResourceRow | undefined;
  #exact: ResourceRow | undefined;

  constructor(path: string) {
    super();
    this.#path = path.endsWith('/') ? path : `${path}/`;
  }

  get own(): ResourceRow | undefined {
    return this.#exact ?? this.#first;
  }

  override onClose(name: string, text: string, depth: number): void {
    super.onClose(name, text, depth);
    for (const row of this.take()) {
      this.#first ??= row;
      if (nameBelow(pathOfHref(row.href, this.#path), this.#path) === '') this.#exact ??= row;
    }
  }

  checkEnd(): void {
    // Complete where the root is.
  }
}

/** Reads the rows of a directory, and finds their names. */
class DirectoryReader implements BatchReader<ListedRows> {
  readonly #url: URL;
  readonly #rows = new Multistatus();
  readonly #events = new XmlEvents(this.#rows);
  #path: string;
  #isFirst = true;

  constructor(url: URL, path: string) {
    this.#url = url;
    this.#path = path.endsWith('/') ? path : `${path}/`;
  }

  read(text: string): number {
    const before = this.#rows.count;
    this.#readable(() => this.#events.read(text));
    return this.#rows.count - before;
  }

  end(): void {
    this.#readable(() => this.#events.end());
  }

  take(): ListedRows {
    const named: NamedRow[] = [];
    let unusable: string | undefined;
    let isFile = false;
    for (const row of this.#rows.take()) {
      const name = this.#nameOf(row);
      if (name === undefined) unusable = row.href;
      else if (name !== '') named.push({ name, row });
      else if (!row.isDirectory) isFile = true;
    }
    return { named, unusable, isFile };
  }

  #nameOf(row: ResourceRow): string | undefined {
    const path = pathOfHref(row.href, this.#path);
    const name = nameBelow(path, this.#path);
    // Behind a proxy that gives the server another path, it lists itself under its own; mostly, first.
    const isOther = this.#isFirst && name === undefined && row.isDirectory;
    this.#isFirst = false;
    if (!isOther) return name;
    this.#path = path.endsWith('/') ? path : `${path}/`;
    return '';
  }

  #readable(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof MalformedXml)) throw error;
      const facts = { expected: error.expected, found: error.message };
      throw new ProtocolError('the listing cannot be read', this.#url, facts);
    }
  }
}
