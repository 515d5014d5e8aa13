/** The source hdfs: the files of a cluster, by the REST API of its name nodes or of HttpFS. */
import { NotFoundError, ProtocolError } from '../../errors.js';
import { createHttpResource, directoryMetadata } from '../../http/create-http-resource.js';
import type { HttpEngine } from '../../http/http-engine.js';
import type { HttpDialect } from '../../http/http-resource.js';
import { metadataMethods } from '../../metadata-methods.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED, type UrlEntry } from '../../metadata.js';
import type { Request } from '../../request.js';
import type { SourceClient } from '../../source.js';
import { sizeInEtag } from './file-status.js';
import type { WebHdfs } from './web-hdfs.js';

/** `clusterFor`: the cluster that the host and the settings of a URL name. */
export function createHdfsClient(engine: HttpEngine, clusterFor: (url: URL) => WebHdfs): SourceClient {
  const dialect: HttpDialect = {
    targetOf: ({ url }) => ({ url }),
    open: (request, resumed) => clusterFor(request.url).open(request, resumed),
    resumesBy: 'if-match',
    // A range is answered by 200, with its length and without its place.
    deliveryOf: ({ header, url }, requested) => {
      const totalBytes = sizeInEtag(header.get('etag') ?? '') ?? 0;
      const start = requested?.start ?? 0;
      const end = Math.min(requested?.end ?? totalBytes, totalBytes);
      const length = header.get('content-length');
      if (length === null || Number(length) === end - start) return { start, end, totalBytes };
      throw new ProtocolError('the response has a wrong length', url, {
        expected: `${end - start} bytes`,
        found: `Content-Length: ${length}`,
      });
    },
  };
  const files = createHttpResource(engine, dialect);

  async function getMetadata(request: Request): Promise<Metadata> {
    const { url } = request;
    const { kind, sizeBytes, modifiedMs, mode, etag } = await clusterFor(url).status(request);
    const lastModified = modifiedMs ?? UNKNOWN_LAST_MODIFIED;
    if (kind === 'directory') return { ...directoryMetadata(), lastModified, mode };
    if (url.pathname.endsWith('/'))
      throw new NotFoundError(url, { expected: 'a directory', found: 'a file' });
    return { kind: 'file', contentLength: sizeBytes, supportRange: true, lastModified, mode, etag };
  }

  async function* list(request: Request): AsyncGenerator<readonly UrlEntry[]> {
    const directory = new URL(request.url);
    if (!directory.pathname.endsWith('/')) directory.pathname += '/';
    for await (const { entries } of clusterFor(directory).list(request, directory)) yield entries;
  }

  return {
    ...metadataMethods(getMetadata),
    list,
    download: (request) => files.download(request),
  };
}
