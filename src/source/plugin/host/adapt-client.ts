/** Makes a strict `ResourceClient` of what a plugin's author wrote. */
import { SourceError } from '../../errors.js';
import type { Request } from '../../request.js';
import type { ResourceClient } from '../../resource-client.js';
import { type BodySource, newResponse, type Response, type ResponseOptions } from '../../response.js';
import type { PluginClient } from '../plugin-module.js';
import { PLUGIN_ERROR_CODES, type PluginErrorCode } from '../protocol.js';

const CODES_OF_SYSTEM_ERRORS: Readonly<Record<string, PluginErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EISDIR: 'IS_DIRECTORY',
  EACCES: 'ACCESS_DENIED',
  EPERM: 'ACCESS_DENIED',
  ESTALE: 'CHANGED',
  ETIMEDOUT: 'TIMEOUT',
  ECONNREFUSED: 'CONNECTION_REFUSED',
  ECONNRESET: 'CONNECTION_LOST',
  EPIPE: 'CONNECTION_LOST',
  ENOTFOUND: 'HOST_UNREACHABLE',
  EAI_AGAIN: 'HOST_UNREACHABLE',
  EHOSTUNREACH: 'HOST_UNREACHABLE',
  ENETUNREACH: 'NETWORK_UNREACHABLE',
  EAGAIN: 'BUSY',
};

export function adaptClient(client: PluginClient): ResourceClient {
  async function call<Result>(request: Request, work: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw typed(error, request.url);
    }
  }
  return {
    getContentLength: (request) => call(request, () => client.getContentLength(request)),
    isSupportRange: (request) => call(request, () => client.isSupportRange(request)),
    isExpired: (request, info) => call(request, () => client.isExpired(request, info)),
    getLastModified: (request) => call(request, () => client.getLastModified(request)),
    download: (request) => call(request, async () => toResponse(await client.download(request))),
    ...(client.getMetadata === undefined
      ? {}
      : { getMetadata: (request) => call(request, () => client.getMetadata?.(request) as never) }),
    ...(client.list === undefined
      ? {}
      : { list: (request) => call(request, () => client.list?.(request) as never) }),
  };
}

/** An error that says what it is by its code becomes one of ours; any other stays. */
export function typed(error: unknown, url: URL): unknown {
  if (error instanceof SourceError || !(error instanceof Error) || !('code' in error)) return error;
  const code =
    PLUGIN_ERROR_CODES.find((known) => known === error.code) ?? CODES_OF_SYSTEM_ERRORS[String(error.code)];
  return code === undefined
    ? error
    : new SourceError(code, error.message, url, { found: error.message, cause: error });
}

function toResponse(value: unknown): Response {
  if (isBody(value)) return newResponse(value);
  if (typeof value !== 'object' || value === null || !('body' in value)) {
    throw new TypeError(`download returned ${typeof value}, not a body`);
  }
  if ('cancel' in value && 'validate' in value && 'expireInfo' in value) return value as Response;
  const { body, ...options } = value as { body: unknown } & ResponseOptions;
  if (!isBody(body)) throw new TypeError(`download returned a body of type ${typeof body}`);
  return newResponse(body, options);
}

function isBody(value: unknown): value is BodySource {
  if (typeof value === 'string' || value instanceof Uint8Array) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}
