import type { ConfigurationReport } from '../src/control/mount-report.js';
import type { RequestReport } from '../src/source/request-activity.js';

/** A host that failed longer ago, and was not used since, is no problem: a name may have been mistyped. */
const RECENT_MS = 60_000;

/** Why a mount is degraded; empty: it is not. */
export function mountProblems(
  {
    config,
    lacksDisk,
    requests,
  }: { readonly config: ConfigurationReport; readonly lacksDisk: boolean; readonly requests: RequestReport },
  nowMs = Date.now(),
): string[] {
  const problems: string[] = [];
  if (config.error !== undefined) problems.push('the configuration that was read last cannot be used');
  if (lacksDisk) problems.push('there is no disk cache');
  for (const { scheme, host, isFailing, lastError } of requests.hosts) {
    if (!isFailing || lastError === undefined || nowMs - lastError.atMs > RECENT_MS) continue;
    problems.push(`${scheme}://${host}: ${lastError.message}`);
  }
  return problems;
}
