/** One request as it will be sent: the path of `url` is encoded already, byte by byte as on the wire. */
export interface SignableRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly header: Readonly<Record<string, string>>;
}

/** For how long a signed URL may be used: for as long as a download may take. */
export const URL_VALID_SECONDS = 3_600;

export interface AccessKey {
  /** Of Azure: the account. */
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly sessionToken?: string;
  readonly expiresAtMs?: number;
}

/** A GET of the URL, signed in its query, with any range and any condition. */
export type UrlSigner = (url: URL, key: AccessKey, nowMs: number) => URL;

/** The header fields that sign the request; names in lower case. `nowMs` has the clock offset of the server in it. */
export type Signer = (
  request: SignableRequest,
  key: AccessKey,
  nowMs: number,
) => Readonly<Record<string, string>>;
