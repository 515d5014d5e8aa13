/**
 * The protocol between the mount and a plugin's process (docs/PLUGINS.md is its text for authors).
 *
 * A plugin is an HTTP/1.1 server on the Unix socket that `SOCKET_VARIABLE` names. Every call is a POST of a
 * JSON object; every response but a download's is a JSON object. A module in JavaScript is served by a host
 * program of ours that speaks the same, so there is one boundary, and one way to be behind it.
 */
import type { SourceErrorCode } from '../errors.js';
import type { Request } from '../request.js';

/** The environment variable that holds the path of the socket to listen on. */
export const SOCKET_VARIABLE = 'D7Y_PLUGIN_SOCKET';

/** The header of a download's response: the position in the resource of the body's first byte. */
export const OFFSET_HEADER = 'x-d7y-offset';

/** `POST /describe`: the argument and the result of `DragonflyPluginInit(option)`. */
export interface DescribeCall {
  readonly option: Readonly<Record<string, string>>;
}

export type OptionalMethod = 'list' | 'expired';

/** `POST /metadata`, `/download`, `/list`, `/expired`. */
export interface ResourceCall {
  readonly url: string;
  readonly header: Readonly<Record<string, string>>;
  /** Bytes `[start, end)`; `end` null: to the end. */
  readonly range?: { readonly start: number; readonly end: number | null };
  /** The requested version. */
  readonly pin?: {
    readonly etag?: string;
    readonly lastModifiedMs?: number;
    readonly contentLength?: number;
  };
  /** For `/expired`: the validators to compare with. */
  readonly info?: { readonly expire?: string; readonly lastModified?: string; readonly etag?: string };
}

/** A request as the protocol carries it. */
export function callOf({ url, header, range, pin }: Request): ResourceCall {
  return {
    url: url.href,
    header: Object.fromEntries(header),
    ...(pin === undefined ? {} : { pin }),
    ...(range === undefined
      ? {}
      : { range: { start: range.start, end: range.end === Infinity ? null : range.end } }),
  };
}

/** The response of `/metadata`; absent members take the value in brackets. */
export interface MetadataResponse {
  /** ["file"] */
  readonly kind?: 'file' | 'directory';
  /** Bytes, negative: unknown [-2]. */
  readonly contentLength?: number;
  /** [false] */
  readonly supportRange?: boolean;
  /** Milliseconds since the epoch, negative: unknown [-1]. */
  readonly lastModified?: number;
  readonly etag?: string;
  /** Permission bits, absent: it has none. */
  readonly mode?: number | undefined;
}

/** The body of every response with a status of 400 or more. The code decides; without one, the status. */
export interface FailureResponse {
  readonly code?: string;
  readonly message?: string;
}

/** The codes that a plugin may give. Everything else is its fault (CLIENT_FAULT, which becomes EIO). */
export const PLUGIN_ERROR_CODES = [
  'NOT_FOUND',
  'IS_DIRECTORY',
  'ACCESS_DENIED',
  'CHANGED',
  'TIMEOUT',
  'CONNECTION_REFUSED',
  'CONNECTION_LOST',
  'HOST_UNREACHABLE',
  'NETWORK_UNREACHABLE',
  'TLS',
  'BUSY',
  'PROTOCOL',
  'UNEXPECTED_STATUS',
  'INVALID_REQUEST',
  'LIST_NOT_SUPPORTED',
] as const satisfies readonly SourceErrorCode[];

export type PluginErrorCode = (typeof PLUGIN_ERROR_CODES)[number];

/** What a status alone says. */
const CODES_OF_STATUS: Readonly<Record<number, PluginErrorCode>> = {
  401: 'ACCESS_DENIED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  408: 'TIMEOUT',
  410: 'NOT_FOUND',
  412: 'CHANGED',
  429: 'BUSY',
  501: 'LIST_NOT_SUPPORTED',
  503: 'BUSY',
  504: 'TIMEOUT',
};

/** The code of a failure; undefined: the plugin's fault. */
export function codeOfFailure(status: number, code: unknown): PluginErrorCode | undefined {
  return PLUGIN_ERROR_CODES.find((known) => known === code) ?? CODES_OF_STATUS[status];
}
