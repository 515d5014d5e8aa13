import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

import { codeOf } from '../../error-code.js';
import type { Awaitable } from '../../awaitable.js';
import { SourceError } from '../errors.js';
import type { HttpSettings } from '../settings.js';
import type { HttpRoute } from './http-engine.js';

/** For the keys of routes, which must not show secrets. */
const SALT = randomBytes(32);
/** By the settings, which are the same object while the configuration is the same. */
const routes = new WeakMap<HttpSettings, Promise<HttpRoute | undefined>>();

/** What `proxy` and `tls` say. The files are read once for a configuration. Undefined: as the environment says. */
export function configuredRoute(settings: HttpSettings): Awaitable<HttpRoute | undefined> {
  if (settings.proxy === undefined && settings.tls === undefined) return undefined;
  const known = routes.get(settings) ?? readRoute(settings);
  routes.set(settings, known);
  // Of a file that could not be read, the next request tries again.
  known.catch(() => routes.delete(settings));
  return known;
}

async function readRoute({ proxy: given, tls: files = {} }: HttpSettings): Promise<HttpRoute> {
  const { cert: certFile, key: keyFile = certFile } = files;
  const [ca, cert, key] = await Promise.all([readPem(files.ca), readPem(certFile), readPem(keyFile)]);
  const passphrase = (await files.keyPassword?.get())?.reveal();
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(files.verify !== undefined && { verify: files.verify }),
  };
  checkCertificate(tls, certFile);
  const proxy = given === 'direct' || given === undefined ? given : (await given.get()).reveal();
  const parts: Omit<HttpRoute, 'key'> = {
    ...(proxy !== undefined && (proxy === 'direct' ? { proxy } : proxyOf(proxy))),
    ...(Object.keys(tls).length > 0 && { tls }),
  };
  return { ...parts, key: createHmac('sha256', SALT).update(JSON.stringify(parts)).digest('base64url') };
}

function proxyOf(text: string): Pick<HttpRoute, 'proxy' | 'proxyAuthorization'> {
  if (!URL.canParse(text)) {
    throw new SourceError('NOT_CONFIGURED', 'the configured proxy cannot be used', 'proxy:', {
      expected: 'the URL of a proxy',
      found: 'another text',
    });
  }
  const url = new URL(text);
  const { origin, username, password } = url;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const isOpen = username === '' && password === '';
  return {
    proxy: new URL(origin),
    ...(!isOpen && { proxyAuthorization: `Basic ${Buffer.from(pair).toString('base64')}` }),
  };
}

/** Of a client: its key belongs to it, and can be read. */
function checkCertificate(
  { cert, key, passphrase }: NonNullable<HttpRoute['tls']>,
  file: string | undefined,
): void {
  if (cert === undefined) return;
  try {
    createSecureContext({
      cert,
      ...(key !== undefined && { key }),
      ...(passphrase !== undefined && { passphrase }),
    });
  } catch (error) {
    throw new SourceError('NOT_CONFIGURED', 'the configured certificate cannot be used', `file:${file}`, {
      expected: 'a certificate in PEM, its key, and the password of the key if it has one',
      found: codeOf(error),
      cause: error,
    });
  }
}

async function readPem(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new SourceError('NOT_CONFIGURED', 'the configured certificate cannot be read', `file:${path}`, {
      expected: 'a file in PEM that can be read',
      found: codeOf(error),
      cause: error,
    });
  }
}
