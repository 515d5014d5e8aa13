/** What lies between this machine and the origins. */
import process from 'node:process';

import { fail, type Finding, ok, warn } from './check.js';
import { canConnect } from './can-connect.js';
import type { OriginProbe } from './origin-probe.js';
import type { SetUp } from './set-up.js';

const SLOW_NAME_MS = 1_000;

export async function checkNames({ originProbes }: SetUp): Promise<Finding[]> {
  return (await originProbes()).flatMap(({ origin, name }) => {
    if (name === undefined) return [];
    const took = `${Math.round(name.ms)} ms`;
    if (name.failure === 'ENOTFOUND') {
      return [
        fail(
          `${origin.hostname} has no address`,
          `check how it is written; \`getent hosts ${origin.hostname}\` asks the same servers`,
        ),
      ];
    }
    if (name.failure !== undefined) {
      return [
        fail(
          `${origin.hostname} cannot be resolved (${name.failure}, after ${took})`,
          'check the name servers in /etc/resolv.conf, and that they can be reached',
        ),
      ];
    }
    if (name.ms < SLOW_NAME_MS) return [ok(`${origin.hostname} is resolved in ${took}`)];
    return [
      warn(
        `${origin.hostname} is resolved in ${took}: slow`,
        'put a server that answers first in /etc/resolv.conf',
      ),
    ];
  });
}

const VARIABLES = new Set(['http_proxy', 'https_proxy', 'all_proxy']);

/** Those of the environment, whether an origin uses them or not, and those of rules. */
export async function checkProxies({ originProbes }: SetUp): Promise<Finding[]> {
  const found = new Map<string, Finding>();
  for (const { origin, proxy } of await originProbes()) {
    if (proxy === undefined) continue;
    found.set(proxy.url.host, proxyFinding(proxy.url, proxy.failure, `for ${origin.host}`));
  }
  for (const [name, value] of Object.entries(process.env)) {
    if (!VARIABLES.has(name.toLowerCase()) || value === undefined || value === '') continue;
    const text = value.includes('://') ? value : `http://${value}`;
    if (!URL.canParse(text)) {
      found.set(
        name,
        fail(`${name} is no URL of a proxy`, `set it as \`${name}=http://HOST:PORT\`, or unset it`),
      );
      continue;
    }
    const url = new URL(text);
    if (!found.has(url.host)) found.set(url.host, proxyFinding(url, await canConnect(url), `of ${name}`));
  }
  return [...found.values()];
}

function proxyFinding(url: URL, failure: string | undefined, what: string): Finding {
  if (failure === undefined) return ok(`the proxy ${url.host} (${what}) takes connections`);
  return fail(
    `the proxy ${url.host} (${what}) takes no connections (${failure})`,
    'start it, or correct its address in the variable or in the rule; `NO_PROXY=HOST`, or `proxy: direct` in a rule, goes past it',
  );
}

const DAY_MS = 86_400_000;
const WARN_DAYS = 14;

export async function checkTls({ originProbes }: SetUp, nowMs = Date.now()): Promise<Finding[]> {
  return (await originProbes()).flatMap((probe) => tlsFindings(probe, nowMs));
}

const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function tlsFindings({ origin, tls }: OriginProbe, nowMs: number): Finding[] {
  if (tls === undefined) return [];
  const { host } = origin;
  if (tls.failure !== undefined)
    return [
      fail(`${host} speaks no TLS (${tls.failure})`, 'check host and port; plain HTTP has the scheme http'),
    ];
  const ends = tls.validToMs === undefined ? '' : new Date(tls.validToMs).toISOString().slice(0, 10);
  if (!tls.isVerified) {
    return [
      warn(
        `any certificate of ${host} is accepted (tls.verify: false)`,
        'name its authority by `tls: { ca: FILE }` instead',
      ),
    ];
  }
  if (tls.fault === 'CERT_HAS_EXPIRED') {
    return [
      fail(
        `the certificate of ${host} has expired (${ends})`,
        'who operates the server must renew it; if the date is still to come, the clock of this machine is wrong',
      ),
    ];
  }
  if (tls.fault === 'CERT_NOT_YET_VALID')
    return [
      fail(
        `the certificate of ${host} is not valid yet`,
        'set the clock of this machine (`timedatectl set-ntp true`)',
      ),
    ];
  if (tls.fault === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return [fail(`the certificate of ${host} is for other names`, 'use a name that the certificate has')];
  if (tls.fault !== undefined && UNKNOWN_AUTHORITY.has(tls.fault)) {
    return [
      fail(
        `the certificate of ${host} is of an authority that is not trusted (${tls.issuer ?? 'unknown'}; ${tls.fault})`,
        `name the file of the authority in the configuration: \`sources: [{ match: { scheme: https, host: '${host}' }, tls: { ca: /path/of/ca.pem } }]\`; if the authority is a public one, the server sends no intermediate certificates`,
      ),
    ];
  }
  if (tls.fault !== undefined)
    return [
      fail(
        `the certificate of ${host} is refused (${tls.fault})`,
        `\`openssl s_client -connect ${host}\` shows it`,
      ),
    ];
  if (tls.validToMs !== undefined && tls.validToMs - nowMs < WARN_DAYS * DAY_MS) {
    const days = Math.max(0, Math.floor((tls.validToMs - nowMs) / DAY_MS));
    return [
      warn(
        `the certificate of ${host} ends in ${days === 1 ? '1 day' : `${days} days`} (${ends})`,
        'who operates the server must renew it',
      ),
    ];
  }
  return [ok(`the certificate of ${host} is valid until ${ends}`)];
}

/** From here on, services refuse what is signed: its time is wrong. */
const FAIL_SKEW_MS = 5 * 60_000;
const WARN_SKEW_MS = 60_000;

/** One origin that has our time proves that ours is right; where all have another, ours is wrong. */
export async function checkClock({ originProbes }: SetUp): Promise<Finding[]> {
  const known = (await originProbes()).flatMap(({ origin, skewMs }) =>
    skewMs === undefined ? [] : [{ host: origin.host, skewMs }],
  );
  const wrong = known.filter(({ skewMs }) => Math.abs(skewMs) >= FAIL_SKEW_MS);
  if (known.length === 0) return [];
  if (wrong.length < known.length) {
    const late = known.filter(({ skewMs }) => Math.abs(skewMs) >= WARN_SKEW_MS);
    if (late.length === 0) return [ok(`the clock is that of ${known.map(({ host }) => host).join(', ')}`)];
    return late.map(({ host, skewMs }) =>
      warn(
        `the clock of ${host} is ${shownSkew(skewMs)} this machine's`,
        'if it is this machine that is wrong: `timedatectl set-ntp true`',
      ),
    );
  }
  return wrong.map(({ host, skewMs }) =>
    fail(
      `the clock of ${host} is ${shownSkew(skewMs)} this machine's: signed requests are refused`,
      'set the clock of this machine (`timedatectl set-ntp true`, or `date -s`); if `date -u` is right here, it is that server which is wrong',
    ),
  );
}

function shownSkew(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const shown =
    seconds < 120
      ? `${seconds} s`
      : seconds < 7_200
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3600)} h`;
  return `${shown} ${skewMs > 0 ? 'ahead of' : 'behind'}`;
}
