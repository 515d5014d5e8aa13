import type { Agent } from 'node:https';
import process from 'node:process';
import { rootCertificates } from 'node:tls';

import { configuredRoute } from '../http/configured-route.js';
import type { HttpSettings } from '../settings.js';

/**
 * The connections of a vendor's library to `service`, by the proxy and authority that the rule or the environment has.
 * Undefined: there are none, the library's own will do.
 */
export async function vendorAgent(settings: HttpSettings, service: string): Promise<Agent | undefined> {
  const { proxy: configured, proxyAuthorization, tls } = (await configuredRoute(settings)) ?? {};
  const proxy = configured ?? (await environmentProxy(service));
  const trust = tls?.ca === undefined ? {} : { ca: [...rootCertificates, tls.ca] };
  if (proxy === undefined || proxy === 'direct') {
    if (tls?.ca === undefined && proxy === undefined) return undefined;
    const { Agent: PlainAgent } = await import('node:https');
    return new PlainAgent(trust);
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const headers = proxyAuthorization === undefined ? {} : { 'proxy-authorization': proxyAuthorization };
  const agent = new HttpsProxyAgent(proxy, { headers });
  // Its own options are for the connection to the proxy.
  Object.assign(agent.options, trust);
  return agent;
}

async function environmentProxy(service: string): Promise<URL | undefined> {
  if (!Object.keys(process.env).some((name) => /^(https|all)_proxy$/i.test(name))) return undefined;
  const { getProxyForUrl } = await import('proxy-from-env');
  const proxy = getProxyForUrl(new URL(service));
  return URL.canParse(proxy) ? new URL(proxy) : undefined;
}
