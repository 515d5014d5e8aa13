/** Where the answer to OPEN sends its reader. */
import { percentDecoded } from '../../byte-text.js';
import { SourceError } from '../../errors.js';
import { redirectTarget, refuseDowngrade } from '../../http/redirect.js';

export interface DataNodeTarget {
  /** Without what grants access. */
  readonly url: URL;
  /** What is sent, and shown nowhere. */
  readonly signedUrl: URL;
  /** The configuration has its name. */
  readonly isNamed: boolean;
}

/** Names of hosts, with or without a port, by those that the cluster has for them. */
export type DataNodeNames = Readonly<Record<string, string>>;

/** `path`: what was opened, encoded. `requested`: for errors. */
export function dataNodeOf(
  location: string | null,
  { from, path, requested }: { readonly from: URL; readonly path: string; readonly requested: URL },
  names: DataNodeNames = {},
): DataNodeTarget {
  const signedUrl = redirectTarget(location, from, requested);
  // A name node composes what is decomposed (NFC), and then it is another name.
  const own = `/webhdfs/v1/${path}`;
  if (percentDecoded(signedUrl.pathname) === percentDecoded(own).normalize()) signedUrl.pathname = own;
  refuseDowngrade(from, signedUrl, requested);
  const name = nameOf(signedUrl, names);
  // The port stays where the name has none.
  if (name !== undefined) signedUrl.host = name;
  const url = new URL(signedUrl);
  url.search = url.searchParams.has('offset')
    ? `?op=OPEN&offset=${Number(url.searchParams.get('offset'))}`
    : '';
  return { url, signedUrl, isNamed: name !== undefined };
}

/** The failure of a data node, which may have a name that counts inside of the cluster only. */
export function dataNodeFailure(error: unknown, { url: { host } }: DataNodeTarget, requested: URL): unknown {
  if (!(error instanceof SourceError)) return error;
  const { code, found, status } = error;
  if (!['HOST_UNREACHABLE', 'NETWORK_UNREACHABLE', 'CONNECTION_REFUSED', 'TIMEOUT'].includes(code))
    return error;
  return new SourceError(code, `the data node ${host} cannot be reached`, requested, {
    expected: `a data node that this machine reaches, or its other name in the setting datanodes`,
    found: `${host}: ${found ?? code}`,
    ...(status === undefined ? {} : { status }),
    cause: error,
  });
}

function nameOf({ hostname, host }: URL, names: DataNodeNames): string | undefined {
  for (const key of [host, hostname]) if (Object.hasOwn(names, key)) return names[key];
  return undefined;
}
