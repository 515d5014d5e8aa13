/** Of the network. */
export interface ListenAddress {
  /** A name, or an address without brackets. */
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** `HOST:PORT`, or `[ADDRESS]:PORT` for one of IPv6. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? name;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
