/** The one engine of HTTP/1.1: what a source gives it, and what it gets. */
import type { OnReadOpts, Socket } from 'node:net';

import type { Awaitable } from '../../awaitable.js';
import type { Request } from '../request.js';
import type { SourceError } from '../errors.js';
import type { Authorizer } from './authorizer.js';
import type { IncomingBody } from './exchange-body.js';
import type { HeaderFields } from './header-fields.js';
import type { HttpBody } from './http-body.js';
import type { LowSpeedLimit } from './low-speed-limit.js';
import type { Refusal } from './refusal.js';

/** How a source speaks to an origin. */
export interface HttpProfile {
  /** Of each try and each hop. Default: nothing is added. */
  readonly authorizer?: Authorizer;
  /** Default: `follow`. */
  readonly redirects?: RedirectPolicy;
  /** What a status that is not allowed means, if the source knows it better than the engine. */
  readonly explain?: (refusal: Refusal) => SourceError | undefined;
  /** Which statuses that are not allowed may be another by a retry; `undefined`: as the engine says. */
  readonly isRetryable?: (refusal: Refusal) => boolean | undefined;
  /** By what the connections are made, if not as the environment says. Equal keys share connections. */
  readonly route?: HttpRoute;
  /** Fewer tries, and less time for all of them, than the engine gives: there is another origin to go to. */
  readonly retries?: number;
  readonly timeoutMs?: number;
}

/**
 * `follow`: http and https, never from https to http; to another origin go only the headers of an allow-list and no body,
 * and an authorizer decides by itself. `refuse`: a redirect is a status like any other. A function returns where to go
 * on, under the same rules, or undefined to refuse; it may throw a `SourceError`: `IsDirectoryError` makes a directory.
 */
export type RedirectPolicy = 'follow' | 'refuse' | ((redirect: Redirect) => URL | undefined);

export interface Redirect {
  /** The URL of the caller, for errors. */
  readonly requested: URL;
  readonly status: number;
  readonly header: HeaderFields;
  readonly from: URL;
  /** Its `Location`. */
  readonly to: URL;
}

/** Connections other than direct ones with Node's certificates. */
export interface HttpRoute {
  /** Two routes with the same key share connections; it holds no secret. */
  readonly key: string;
  /** A forward proxy, in absolute form for http and by CONNECT for https; `direct`: none, whatever the environment says. */
  readonly proxy?: URL | 'direct';
  readonly proxyAuthorization?: string;
  /** A Unix socket instead of the host's address. */
  readonly socketPath?: string;
  readonly tls?: {
    /** PEM. `ca`: besides those of Node. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly passphrase?: string;
    /** Default: true. */
    readonly verify?: boolean;
  };
}

/** One request as a source wants it sent. */
export interface HttpRequest extends HttpProfile {
  /** http or https; its path and query are sent as they are in `href`, without the fragment. */
  readonly url: URL;
  /** Default: GET. HEAD is not supported: its framing is another. */
  readonly method?: string;
  /** Names in lower case. */
  readonly header?: Readonly<Record<string, string>>;
  /** A small one. `isPublic`: it holds nothing that another origin may not see, and goes there with a redirect. */
  readonly body?: { readonly type: string; readonly text: string; readonly isPublic?: true };
  /** The statuses whose answer the caller uses. */
  readonly allowed: readonly number[];
  /** How long the body may be, as far as is known: one that may be long is received in another thread. Default: it is small. */
  readonly expectedBytes?: number;
}

/** One request by way of a cluster of Dragonfly. */
export interface PeerRequest {
  readonly proxy: URL;
  /** May be signed: it is shown nowhere. */
  readonly url: URL;
  readonly header: Readonly<Record<string, string>>;
  readonly expectedBytes: number;
  /** Until the head is there, and between two pieces of the body that is waited for. */
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Where a source that speaks no HTTP is connected. */
export interface TcpTarget {
  /** Its host is connected to, and errors name it. */
  readonly url: URL;
  readonly port: number;
  /** A forward proxy on the way, by CONNECT. */
  readonly proxy?: Pick<HttpRoute, 'proxy' | 'proxyAuthorization'>;
  /** What a direct connection receives into; one by way of a proxy has memory of its own. */
  readonly onread?: OnReadOpts;
}

/** Receives a body in an I/O thread, from an address that `connectTcp` has reached. */
export type TcpReceiver = (address: string, port: number) => ReceivingConnection;

/** A connection by which a body comes, and nothing else. */
export interface ReceivingConnection {
  /** When it is connected. */
  readonly body: Promise<IncomingBody>;
  destroy(): void;
}

/** Of the request of a source on whose behalf it is sent. */
export type HttpCaller = Pick<Request, 'url' | 'pin' | 'signal' | 'priority' | 'promotion'>;

export interface HttpAnswer {
  readonly status: number;
  readonly header: HeaderFields;
  /** Where it came from. */
  readonly url: URL;
  /** The heads of the redirects before it, the first hop first. */
  readonly hops: readonly { readonly url: URL; readonly status: number; readonly header: HeaderFields }[];
  /** Credentials were sent to another origin than that of the request. */
  readonly usedOtherCredentials: boolean;
  readonly body: HttpBody;
  /** Of the download that the answer begins or continues. */
  readonly lowSpeedLimit: LowSpeedLimit;
}

/** Reads a document in pieces, as it comes. */
export interface TextReader<Result> {
  /** Takes the next characters, and returns how many entries it found in them. What it throws ends the request. */
  read(text: string): number;
  /** The document is complete. */
  end(): Result;
}

export interface HttpEngine {
  /** Of one operation, retries included. */
  readonly timeoutMs: number;
  readonly retries: number;
  /**
   * Sends until an answer has one of the allowed statuses: with retries, redirects, and once more where the authorizer
   * says so. Errors name `caller.url`.
   */
  send(request: HttpRequest, caller: HttpCaller, resumed?: LowSpeedLimit): Promise<HttpAnswer>;
  /** Sends, and reads a body of at most `maxBytes` as UTF-8: for tokens and small documents. */
  fetchText(
    request: HttpRequest,
    caller: HttpCaller,
    maxBytes: number,
  ): Promise<HttpAnswer & { readonly text: string }>;
  /**
   * Sends, and reads a body of at most `MAX_LISTING_BYTES` as UTF-8 in pieces, between which other work has its turns:
   * for listings. A body that breaks is requested again, and read by another reader.
   */
  fetchPieces<Result>(
    request: HttpRequest,
    caller: HttpCaller,
    createReader: (answer: HttpAnswer) => TextReader<Result>,
  ): Promise<Result>;
  /** Sends once, without redirects and authorization, to the proxy of dfdaemon. Any status is an answer. */
  sendToPeers(request: PeerRequest, caller: HttpCaller): Promise<HttpAnswer>;
  /**
   * A connection for a source with a protocol of its own: names are resolved, and addresses allowed, as for HTTP. It is not
   * counted as one of the pool. `signal` ends the attempt, and has the deadline.
   */
  connectTcp(target: TcpTarget, signal: AbortSignal): Promise<Socket>;
  /** Undefined: so few bytes of such a source are received as well by the caller, or there is no I/O thread. */
  tcpReceiver(expectedBytes: number): Awaitable<TcpReceiver | undefined>;
  /** Rejects where the policy refuses a host that another one connects to, and perhaps resolves. */
  checkHost(url: URL): Promise<void>;
  /** Milliseconds of the clock that deadlines are measured by. */
  now(): number;
  close(): Promise<void>;
}
