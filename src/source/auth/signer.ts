/** One request as it will be sent: the path of `url` is encoded already, byte by byte as on the wire. */
export interface SignableRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly header: Readonly<Record<string, string>>;
}

export interface AccessKey {
  /** Of Azure: the account. */
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly sessionToken?: string;
  readonly expiresAtMs?: number;
}

/** The header fields that sign the request; names in lower case. `nowMs` has the clock offset of the server in it. */
export type Signer = (
  request: SignableRequest,
  key: AccessKey,
  nowMs: number,
) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
