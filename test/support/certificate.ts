import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { ExecutionContext } from 'ava';

import { temporaryDirectory } from './temp.js';

/** Files with a certificate for `subject` (as `IP:127.0.0.1`) that is its own authority, and with its key. */
export async function createCertificate(
  t: Pick<ExecutionContext, 'teardown'>,
  subject: string,
): Promise<{ certificate: string; key: string }> {
  const directory = await temporaryDirectory(t);
  const [certificate, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const request = [
    'req',
    '-x509',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-days',
    '2',
    '-subj',
    '/CN=test',
  ];
  const name = ['-addext', `subjectAltName=${subject}`];
  await promisify(execFile)('openssl', [...request, ...name, '-keyout', key, '-out', certificate]);
  return { certificate, key };
}
