import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { ExecutionContext } from 'ava';

import { createCertificate } from './certificate.js';
import { temporaryDirectory } from './temp.js';

/** As `createCertificate`, and valid until yesterday. */
export async function createExpiredCertificate(
  t: ExecutionContext,
  subject: string,
): Promise<{ certificate: string; key: string }> {
  const { certificate: valid, key } = await createCertificate(t, subject);
  const directory = await temporaryDirectory(t);
  const [request, certificate] = [join(directory, 'request.pem'), join(directory, 'cert.pem')];
  const run = promisify(execFile);
  const copy = ['-copy_extensions', 'copy'];
  await run('openssl', ['x509', '-x509toreq', ...copy, '-in', valid, '-signkey', key, '-out', request]);
  const signing = ['-signkey', key, '-days', '-1', ...copy];
  await run('openssl', ['x509', '-req', '-in', request, ...signing, '-out', certificate]);
  return { certificate, key };
}
