import { access } from 'node:fs/promises';
import { get } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { variable } from './variable.js';

const METADATA_ADDRESS = '169.254.169.254';
const METADATA_TIMEOUT_MS = 1_000;

/**
 * Whether google-auth-library would find the application default credentials. It would load for 70 ms, wait 3 s for a metadata
 * server, print a warning where none is, and then take it for granted that there is none.
 */
export async function hasGoogleDefault(): Promise<boolean> {
  if (
    (variable('GOOGLE_APPLICATION_CREDENTIALS') ?? variable('google_application_credentials')) !== undefined
  )
    return true;
  const directory = variable('CLOUDSDK_CONFIG') ?? join(homedir(), '.config', 'gcloud');
  if (await exists(join(directory, 'application_default_credentials.json'))) return true;
  const detection = variable('METADATA_SERVER_DETECTION')?.toLowerCase();
  if (detection !== undefined) return detection !== 'none';
  return await answers(variable('GCE_METADATA_IP') ?? variable('GCE_METADATA_HOST') ?? METADATA_ADDRESS);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

function answers(host: string): Promise<boolean> {
  const url = `${host.includes('://') ? host : `http://${host}`}/computeMetadata/v1/instance`;
  if (!URL.canParse(url)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const request = get(url, {
      headers: { 'metadata-flavor': 'Google' },
      agent: false,
      signal: AbortSignal.timeout(METADATA_TIMEOUT_MS),
    });
    request.on('response', (response) => {
      resolve(response.headers['metadata-flavor'] === 'Google');
      response.destroy();
    });
    request.on('error', () => resolve(false));
  });
}
