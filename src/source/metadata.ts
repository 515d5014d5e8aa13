import type { ContentDigest } from './content-digest.js';
import type { Response } from './response.js';

export type { ContentDigest } from './content-digest.js';

/** "The length is not known": Dragonfly's `UnknownSourceFileLen` (pkg/source/source_client.go). */
export const UNKNOWN_SOURCE_FILE_LEN = -2;

/** "The time is not known", as Dragonfly's http client answers. */
export const UNKNOWN_LAST_MODIFIED = -1;

/** A resource without its content (pkg/source/metadata.go). */
export interface Metadata {
  readonly kind: 'file' | 'directory';
  /** Bytes, or `UNKNOWN_SOURCE_FILE_LEN`. */
  readonly contentLength: number;
  readonly supportRange: boolean;
  /** Milliseconds since the epoch, or `UNKNOWN_LAST_MODIFIED`. */
  readonly lastModified: number;
  /** It lies in the second of the response, in which the resource may change again: it does not identify a version. */
  readonly isLastModifiedWeak?: true;
  /**
   * On the way to it, credentials were sent to another origin than that of the URL. The URL then does not determine
   * who may read the content, and it is not kept for later runs.
   */
  readonly usedOtherCredentials?: true;
  /** The entity tag as sent, with its quotes and its `W/`. */
  readonly etag?: string;
  /** The media type as sent, where the source has one. */
  readonly contentType?: string;
  /** Of all bytes, where the source gives one. */
  readonly digest?: ContentDigest;
  /** The permission bits of chmod(2), where the source has them; of a link, those of what it leads to. */
  readonly mode?: number | undefined;
  /**
   * The response with all this, its body unread: the first bytes of a resource that supports ranges,
   * the whole of one that does not. Present only where reading it saves a request. The caller that gets the
   * metadata owns it, and reads or cancels it.
   */
  readonly response?: Response;
}

/** One entry of a directory (Dragonfly's `URLEntry`, with the size and time that it lacks). */
export interface UrlEntry {
  /**
   * The last path element of `url`, percent-encoded as there, without a trailing slash. It is kept for long, so it is
   * no part of a longer string, all of which would be kept. Empty, `.` or `..`: a key that no path can name; it is not
   * shown, which the log says once.
   */
  readonly name: string;
  readonly url: URL;
  readonly isDir: boolean;
  /** Bytes; present only when exact. */
  readonly size?: number | undefined;
  /**
   * The entity tag exactly as a read of the entry answers it. With a size and a strong one, opening the entry costs no
   * probe; so it is given only where the entry can be read by ranges. Not a part of a longer string, either.
   */
  readonly etag?: string | undefined;
  /** Used where the entry is opened without a probe. */
  readonly digest?: ContentDigest | undefined;
  /** Milliseconds since the epoch, as a read answers it; used as far as `lastModifiedPrecisionMs` says. */
  readonly lastModified?: number | undefined;
  /** 1000 for whole seconds, 60000 for minutes. Default 1000. */
  readonly lastModifiedPrecisionMs?: number | undefined;
  /** As the metadata of the entry has it. */
  readonly mode?: number | undefined;
}
