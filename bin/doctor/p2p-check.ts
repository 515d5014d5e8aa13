/** The dfdaemon of this node, if content is to come by way of a cluster. */
import { get } from 'node:http';

import { canConnect } from './can-connect.js';
import { fail, type Finding, ok, warn } from './check.js';
import type { SetUp } from './set-up.js';
import type { UrlProbe } from './url-probe.js';

/** By default 4001 is the proxy's, and 4003 that of health. */
const HEALTH_PORT_OFFSET = 2;
const LIMIT_MS = 10_000;

export async function checkP2p({ configuration, urlProbes }: SetUp): Promise<Finding[]> {
  const { p2pProxy: given } = configuration.options;
  const isWanted = configuration.rules.some(({ settings }) => settings.p2p === true);
  if (given === undefined) {
    if (!isWanted) return [];
    const fix = 'name it in the configuration: `p2p: { proxy: http://127.0.0.1:4001 }`';
    return [warn('a rule has `p2p: true`, and there is no proxy of a dfdaemon: all is read directly', fix)];
  }
  const proxy = new URL(given);
  const failure = await canConnect(proxy);
  if (failure !== undefined) {
    return [
      fail(
        `dfdaemon at ${proxy.host} takes no connections (${failure}): all is read directly`,
        'start it (`systemctl status dfdaemon`; in Kubernetes the pod of the DaemonSet on this node), or correct `p2p.proxy`',
      ),
    ];
  }
  const findings = [ok(`dfdaemon at ${proxy.host} takes connections`), ...(await healthFindings(proxy))];
  if (!isWanted) {
    const fix = 'add it to the rules of the hosts that it is for (docs/P2P.md)';
    findings.push(warn('no rule has `p2p: true`: nothing is read by way of the cluster', fix));
  }
  const probe = (await urlProbes()).find(mayBeRequested);
  return probe === undefined ? findings : [...findings, await requestFinding(proxy, probe)];
}

/** Without credentials, nor a signature in its query: they would stay in logs of the cluster. */
function mayBeRequested({ settings, url, metadata }: UrlProbe): boolean {
  const isOpen =
    !('credentials' in settings || 'headers' in settings) && url.search === '' && url.username === '';
  return (
    isOpen && 'p2p' in settings && settings.p2p && metadata?.kind === 'file' && /^https?:$/.test(url.protocol)
  );
}

/** It says that the process is alive, and nothing of the scheduler. */
async function healthFindings(proxy: URL): Promise<Finding[]> {
  const url = new URL('/healthy', proxy);
  url.port = String(Number(proxy.port || 80) + HEALTH_PORT_OFFSET);
  const answer = await answerOf(url, url.pathname, {});
  // Something else may listen there.
  if (answer.status !== 200 && (answer.status ?? 0) < 500) return [];
  if (answer.status === 200) return [ok(`dfdaemon says at ${url.host} that it is healthy`)];
  return [warn(`dfdaemon answers ${answer.status} at ${url.href}`, 'look into its log')];
}

/** Absolute form, with the whole URL; a range of one byte. */
async function requestFinding(proxy: URL, { url, shown }: UrlProbe): Promise<Finding> {
  const header = {
    host: url.host,
    range: 'bytes=0-0',
    'x-dragonfly-use-p2p': 'true',
    'accept-encoding': 'identity',
  };
  const { status, errorType } = await answerOf(proxy, url.href, header);
  if (errorType === undefined && (status === 206 || status === 200)) return ok(`dfdaemon serves ${shown}`);
  const why = errorType === undefined ? '' : `, error of ${errorType}`;
  return fail(
    `dfdaemon does not serve ${shown} (${status === undefined ? 'no answer' : `status ${status}${why}`})`,
    errorType === 'backend'
      ? 'it cannot reach that host: check its network'
      : 'look into its log, and whether its scheduler runs',
  );
}

function answerOf(
  to: URL,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status?: number | undefined; readonly errorType?: string | undefined }> {
  return new Promise((resolve) => {
    const request = get(
      {
        host: to.hostname,
        port: to.port,
        path,
        headers,
        agent: false,
        signal: AbortSignal.timeout(LIMIT_MS),
      },
      (response) => {
        const type = response.headers['x-dragonfly-error-type'];
        resolve({ status: response.statusCode, errorType: Array.isArray(type) ? type[0] : type });
        response.destroy();
      },
    );
    request.on('error', () => resolve({}));
  });
}
