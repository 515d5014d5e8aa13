/** The source of files over SFTP, as a `ResourceClient`. */
import type { Logger } from 'pino';

import { NotFoundError } from '../../errors.js';
import { metadataMethods } from '../../metadata-methods.js';
import type { Metadata, UrlEntry } from '../../metadata.js';
import type { Request } from '../../request.js';
import type { ResourceClient } from '../../resource-client.js';
import type { Response } from '../../response.js';
import { metadataOf } from './file-version.js';
import type { HostSessions } from './host-sessions.js';
import { leadsAbove } from './link-loops.js';
import { openSftpBody } from './sftp-body.js';
import { listDirectory } from './sftp-listing.js';
import { ancestorsOf, pathOf } from './sftp-path.js';
import { sessionUser } from './with-session.js';

export interface SftpClientOptions {
  readonly sessionsFor: (url: URL) => HostSessions;
  readonly log: Logger;
  /** Of one operation, retries included. */
  readonly timeoutMs: number;
  readonly retries: number;
}

export function createSftpClient(options: SftpClientOptions): ResourceClient {
  const { sessionsFor, log } = options;
  const withSession = sessionUser(sessionsFor, options);

  async function getMetadata(request: Request): Promise<Metadata> {
    const { url } = request;
    const path = pathOf(url);
    return await withSession(request, async ({ session: { channel }, release }) => {
      const [own, attributes] = await bothOf(channel.lstat(path), channel.stat(path));
      if (attributes.kind === 'other') {
        throw new NotFoundError(url, { expected: 'a file or directory', found: 'a device, pipe or socket' });
      }
      const isLinked = own.kind === 'link' && attributes.kind === 'directory';
      if (isLinked && (await leadsAbove(channel, path, ancestorsOf(url)))) {
        throw new NotFoundError(url, {
          expected: 'a file or directory',
          found: 'a link to a directory above it',
        });
      }
      release();
      return metadataOf(attributes);
    });
  }

  return {
    ...metadataMethods(getMetadata),
    download: (request): Promise<Response> => openSftpBody(request, withSession),
    list: (request): AsyncIterable<readonly UrlEntry[]> => listDirectory(request, withSession, log),
  };
}

/** Both are awaited, so that none fails unseen. */
async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (b.status === 'rejected') throw b.reason;
  if (a.status === 'rejected') throw a.reason;
  return [a.value, b.value];
}
