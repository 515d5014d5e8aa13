import process from 'node:process';

import { awsRegion } from '../../auth/aws-region.js';
import type { S3Settings } from '../../settings.js';

/** The settings, with what AWS's own tools take from the environment besides credentials. What a rule says comes first. */
export async function withAwsEnvironment(settings: S3Settings): Promise<S3Settings> {
  const { credentials } = settings;
  const endpoint = urlOf(process.env['AWS_ENDPOINT_URL_S3']) ?? urlOf(process.env['AWS_ENDPOINT_URL']);
  const region = await awsRegion(credentials?.kind === 'profile' ? credentials.profile : undefined);
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...settings,
  };
}

function urlOf(text = ''): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
