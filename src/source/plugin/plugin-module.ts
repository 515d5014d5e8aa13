/**
 * The contract of a module plugin: Dragonfly's
 * `func DragonflyPluginInit(option map[string]string) (interface{}, map[string]string, error)`.
 * Types alone: a module can be written without importing anything.
 */
import type { Metadata, UrlEntry } from '../metadata.js';
import type { Request } from '../request.js';
import type { BodySource, ExpireInfo, Response, ResponseOptions } from '../response.js';

/** `type`, `name` and `scheme` are checked; the others are free, and shown. */
export interface PluginAttributes {
  readonly type: 'resource';
  /** As in the name of the file. */
  readonly name: string;
  /** The same word. */
  readonly scheme: string;
  readonly [attribute: string]: string;
}

/** What `download` may return: a body, a body with facts about it, or a response of `newResponse`. */
export type PluginDownload = Response | BodySource | ({ readonly body: BodySource } & ResponseOptions);

type MaybePromise<Value> = Value | Promise<Value>;

/**
 * A `ResourceClient` in the loosest form: methods may be synchronous. What they throw is understood by its
 * `code`: one of the codes of errors.ts (`NOT_FOUND`), or a system error (`ENOENT`). Anything else is a
 * fault of the plugin, and EIO to the reader.
 */
export interface PluginClient {
  getContentLength(request: Request): MaybePromise<number>;
  isSupportRange(request: Request): MaybePromise<boolean>;
  isExpired(request: Request, info: ExpireInfo): MaybePromise<boolean>;
  download(request: Request): MaybePromise<PluginDownload>;
  getLastModified(request: Request): MaybePromise<number>;
  getMetadata?(request: Request): MaybePromise<Metadata>;
  list?(request: Request): MaybePromise<readonly UrlEntry[]>;
}

/** What a plugin's module exports under the name `DragonflyPluginInit`. */
export type PluginInit = (
  option: Readonly<Record<string, string>>,
) => MaybePromise<readonly [client: PluginClient, attributes: PluginAttributes]>;
