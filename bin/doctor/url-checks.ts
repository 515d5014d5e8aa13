/** What the probes of URLs have shown. */
import { UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN } from '../../src/source/metadata.js';
import { isWeakEtag } from '../../src/source/request.js';
import { fail, type Finding, ok, warn } from './check.js';
import type { SetUp } from './set-up.js';
import type { UrlProbe } from './url-probe.js';

export async function checkUrls({ urlProbes }: SetUp): Promise<Finding[]> {
  return (await urlProbes()).flatMap(urlFindings);
}

function urlFindings({ shown, isOfRule, metadata, error, ms }: UrlProbe): Finding[] {
  const took = `in ${Math.round(ms)} ms`;
  if (metadata !== undefined) {
    const { kind, contentLength } = metadata;
    const length =
      contentLength === UNKNOWN_SOURCE_FILE_LEN ? 'of unknown length' : `of ${contentLength} bytes`;
    return [ok(`${shown} is a ${kind === 'file' ? `file ${length}` : 'directory'}, ${took}`)];
  }
  // `credentials` has it.
  if (error === undefined || error.code === 'ACCESS_DENIED') return [];
  if (error.code === 'NOT_FOUND' && isOfRule) return [ok(`${shown} is answered, ${took} (there is nothing)`)];
  const found = error.found === undefined ? '' : ` (${error.found})`;
  return [fail(`${error.message}${found}`, fixOf(error.code, error.message))];
}

/** By the code of the failure. */
const FIXES: Readonly<Record<string, string>> = {
  NOT_FOUND: 'check how the URL is written, upper and lower case too',
  ADDRESS_REFUSED:
    'if it is to be reached: `--allow-address CIDR`, or a rule of `policy` (docs/CONFIGURATION.md, "Policy")',
  NOT_CONFIGURED: 'add what the message names to a rule of `sources` (docs/CONFIGURATION.md)',
  NO_CLIENT: 'check the scheme; `d7y-mount plugin` lists those that there are',
  TLS: 'the lines of `tls` say more',
  HOST_UNREACHABLE: 'the lines of `dns` say more',
  CONNECTION_REFUSED: 'check host and port, and that the server (or the proxy) runs',
  NETWORK_UNREACHABLE: 'check the network of this machine: `ip route`',
  TIMEOUT: 'check that the host can be reached from here, and that no firewall drops its packets',
  BUSY: 'the server is overloaded, or limits how often it is queried: try again later',
  CLIENT_FAULT: '`d7y-mount plugin` shows whether the plugin can be used',
};

function fixOf(code: string, message: string): string {
  if (message.startsWith('the body is encoded'))
    return 'let the server send the file as it is: no gzip for requests with `Accept-Encoding: identity`';
  if (code === 'PROTOCOL')
    return 'the server, or a cache before it, answers wrongly to ranges: its operator must mend that';
  return FIXES[code] ?? `\`curl -v -r 0-0 URL\` shows what the server says`;
}

export async function checkRanges({ urlProbes }: SetUp): Promise<Finding[]> {
  return (await urlProbes()).flatMap(({ shown, metadata }) => {
    if (metadata?.kind !== 'file') return [];
    if (metadata.supportRange) return [ok(`${shown}: ranges are served`)];
    return [
      warn(
        `${shown}: the server ignores ranges, so that a read at the end downloads all before it`,
        'let the server answer `Range` by 206: static files of nginx and Apache do; a script, a proxy or compression before them may not',
      ),
    ];
  });
}

export async function checkValidators({ urlProbes }: SetUp): Promise<Finding[]> {
  return (await urlProbes()).flatMap(({ shown, metadata }) => {
    if (metadata?.kind !== 'file') return [];
    const { etag, lastModified, isLastModifiedWeak } = metadata;
    if (etag !== undefined && !isWeakEtag(etag)) return [ok(`${shown}: its versions have a strong ETag`)];
    if (lastModified !== UNKNOWN_LAST_MODIFIED && isLastModifiedWeak !== true)
      return [ok(`${shown}: its versions are known by Last-Modified`)];
    return [
      warn(
        `${shown}: nothing says which version it is (no strong ETag, no Last-Modified): content is not kept for the next run`,
        'let the server send `ETag` or `Last-Modified`',
      ),
    ];
  });
}

/** A mount compares each answer anyway; peers of a cluster have no other guard. */
export async function checkPreconditions({ urlProbes }: SetUp): Promise<Finding[]> {
  return (await urlProbes()).flatMap(({ shown, settings, precondition }) => {
    if (precondition === undefined) return [];
    if (precondition === 'honoured') return [ok(`${shown}: If-Match is honoured`)];
    if ((settings as { readonly p2p?: boolean }).p2p !== true)
      return [ok(`${shown}: If-Match is ignored; each answer is compared anyway`)];
    return [
      warn(
        `${shown}: the server ignores If-Match, so that it is not read by way of the cluster`,
        'let the server honour `If-Match` (status 412), or take `p2p: true` out of the rule',
      ),
    ];
  });
}
