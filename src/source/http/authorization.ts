/** What an authorizer adds. */
export interface Authorization {
  /** Names in lower case. */
  readonly header?: Readonly<Record<string, string>>;
  /** The URL with a signature in its query, which is sent and shown nowhere. */
  readonly url?: URL;
}
