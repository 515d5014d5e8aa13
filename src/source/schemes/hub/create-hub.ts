/** The sources hf, modelscope and opencsg: which hub the settings of a URL name. */
import process from 'node:process';

import { configuredRoute } from '../../http/configured-route.js';
import type { HttpProfile } from '../../http/http-engine.js';
import type { HubSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import { hubCredentials } from '../../auth/hub-credentials.js';
import type { Hub } from './hub.js';
import { createHubClient } from './hub-client.js';
import { bearer, hubAuthorizer, type TokenHeader } from './hub-token.js';
import { createHuggingFace } from './hugging-face.js';
import { createModelScope } from './model-scope.js';
import { createOpenCsg } from './open-csg.js';

/** What differs between the hubs. */
interface HubKind {
  /** Where it is, unless the settings name another place. */
  readonly baseUrl: () => string;
  readonly revision: string;
  readonly tokenHeader: TokenHeader;
  readonly create: typeof createHuggingFace;
}

type HubScheme = 'hf' | 'modelscope' | 'opencsg';

const KINDS: Readonly<Record<HubScheme, HubKind>> = {
  hf: {
    baseUrl: () => process.env['HF_ENDPOINT'] ?? 'https://huggingface.co',
    revision: 'main',
    tokenHeader: bearer,
    create: createHuggingFace,
  },
  modelscope: {
    baseUrl: () => process.env['MODELSCOPE_ENDPOINT'] ?? 'https://modelscope.cn',
    revision: 'master',
    // Older parts of its API know the cookie only.
    tokenHeader: (token) => ({ ...bearer(token), cookie: `m_session_id=${token}` }),
    create: createModelScope,
  },
  opencsg: {
    baseUrl: () => 'https://hub.opencsg.com/csg/',
    revision: 'main',
    tokenHeader: bearer,
    create: createOpenCsg,
  },
};

export function createHub(context: SourceContext): SourceClient {
  const hubs = new WeakMap<HubSettings, Promise<Hub>>();
  const hubFor = async (url: URL): Promise<Hub> => {
    const settings = context.settingsFor(url) as HubSettings;
    const hub = hubs.get(settings) ?? makeHub(context, settings);
    hubs.set(settings, hub);
    // What could not be read is read again by the next request.
    hub.catch(() => hubs.delete(settings));
    return await hub;
  };
  return createHubClient(context.engine, hubFor, context.peers);
}

async function makeHub(context: SourceContext, settings: HubSettings): Promise<Hub> {
  // The factory is registered for these.
  const scheme = context.scheme as HubScheme;
  const kind = KINDS[scheme];
  const route = await configuredRoute(settings);
  const baseUrl = new URL(settings.baseUrl ?? kind.baseUrl());
  if (!baseUrl.pathname.endsWith('/')) baseUrl.pathname += '/';
  const tokens = hubCredentials(scheme, settings);
  const profile: HttpProfile = {
    authorizer: hubAuthorizer(baseUrl, tokens, settings, kind.tokenHeader),
    ...(route === undefined ? {} : { route }),
  };
  return kind.create(context.engine, {
    baseUrl,
    revision: settings.revision ?? kind.revision,
    profile,
    tokenNotFound: () => tokens.notFound,
  });
}
