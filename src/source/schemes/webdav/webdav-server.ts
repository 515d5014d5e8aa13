/** One server of WebDAV: where its resources are, how it is spoken to, and what its listings are worth. */
import { type Awaitable, chain } from '../../../awaitable.js';
import { IsDirectoryError } from '../../errors.js';
import { ConfiguredAccess } from '../../http/configured-access.js';
import type { HttpProfile, Redirect } from '../../http/http-engine.js';
import { isDirectoryRedirect } from '../../http/redirect.js';
import type { WebdavSettings } from '../../settings.js';
import type { ListedFiles } from './listed-files.js';
import {
  explainNoFile,
  explainSilence,
  explainWebdavRefusal,
  isRetryableWebdavRefusal,
} from './webdav-refusal.js';

export class WebdavServer {
  readonly listed: ListedFiles;
  readonly #origin: string;
  readonly #root: string;
  readonly #access: ConfiguredAccess;

  /** `url`: of one of its resources. `settingsFor`: for the other origins that it redirects to. */
  constructor(
    url: URL,
    settings: WebdavSettings,
    settingsFor: (url: URL) => WebdavSettings,
    listed: ListedFiles,
  ) {
    this.listed = listed;
    this.#origin = `${isSecure(url) ? 'https' : 'http'}://${url.host}`;
    this.#root = (settings.root ?? '').replace(/\/$/, '');
    const { origin } = new URL(this.#origin);
    this.#access = new ConfiguredAccess((hop) =>
      hop.origin === origin ? settings : settingsFor(resourceUrl(hop)),
    );
  }

  /** Where a resource is. */
  target({ pathname }: URL): URL {
    return new URL(`${this.#origin}${this.#root}${pathname === '' ? '/' : pathname}`);
  }

  /** Of a query for properties. `url`: of the caller, for errors. */
  profile(url: URL): Awaitable<HttpProfile> {
    return this.#profile(
      url,
      (refusal) => explainWebdavRefusal(refusal, url) ?? explainSilence(refusal, url),
    );
  }

  /** Of a read. */
  fileProfile(url: URL): Awaitable<HttpProfile> {
    return this.#profile(url, (refusal) => explainWebdavRefusal(refusal, url) ?? explainNoFile(refusal, url));
  }

  #profile(url: URL, explain: NonNullable<HttpProfile['explain']>): Awaitable<HttpProfile> {
    return chain(this.#access.profileFor(this.target(url)), (profile) => ({
      ...profile,
      redirects: followToFile,
      explain,
      isRetryable: isRetryableWebdavRefusal,
    }));
  }
}

/** As rules match it. */
function resourceUrl(hop: URL): URL {
  return new URL(`${isSecure(hop) ? 'webdavs' : 'webdav'}://${hop.host}${hop.pathname}`);
}

function isSecure({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'webdavs:' || protocol === 'davs:';
}

/** A redirect to the same path with a slash: what stands there is a directory. */
function followToFile({ requested, from, to }: Redirect): URL {
  if (isDirectoryRedirect(from, to)) throw new IsDirectoryError(requested);
  return to;
}
