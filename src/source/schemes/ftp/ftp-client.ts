/** The sources ftp and ftps: a `ResourceClient` of what hosts say. */
import { httpDate } from '../../http/http-date.js';
import { metadataMethods } from '../../metadata-methods.js';
import type { Metadata, UrlEntry } from '../../metadata.js';
import type { Request } from '../../request.js';
import type { ResourceClient } from '../../resource-client.js';
import { download } from './ftp-download.js';
import type { FtpHost } from './ftp-host.js';
import { ftpPathOf } from './ftp-path.js';
import { metadataOf } from './ftp-stat.js';
import { listEntries } from './list-entries.js';

export type HostFor = (url: URL) => Promise<FtpHost>;

export function createFtpClient(hostFor: HostFor): ResourceClient {
  async function getMetadata(request: Request): Promise<Metadata> {
    const path = ftpPathOf(request.url);
    const host = await hostFor(request.url);
    const stat = await host.run(request, async (session, endsAtMs) => {
      const absolute = await session.absolute(path, endsAtMs);
      const found = await host.stat(session, absolute, endsAtMs);
      if (found.isDirectory || found.mode !== undefined) return found;
      return { ...found, mode: request.listedMode ?? (await session.listedMode(absolute, endsAtMs)) };
    });
    return metadataOf(stat, host.server.traits.restarts === true);
  }

  return {
    ...metadataMethods(getMetadata),
    isExpired: async (request, { etag, lastModified }) => {
      const now = await getMetadata(request);
      if (etag !== undefined) return now.etag !== etag;
      return now.etag === undefined || httpDate(now.lastModified) !== lastModified;
    },
    download: async (request) => await download(await hostFor(request.url), ftpPathOf(request.url), request),
    list: async (request): Promise<readonly UrlEntry[]> =>
      await listEntries(await hostFor(request.url), ftpPathOf(request.url), request),
  };
}
