import type { WebSettings } from '../settings.js';
import type { SourceClient, SourceContext } from '../source.js';
import { ConfiguredAccess } from './configured-access.js';
import { createHttpSource } from './http-client.js';

/** The sources http and https. */
export function createWebSource(context: SourceContext): SourceClient {
  const access = new ConfiguredAccess((url) => context.settingsFor(url) as WebSettings);
  return createHttpSource(context.engine, (url) => access.profileFor(url), context.peers);
}
