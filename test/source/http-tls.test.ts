import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import { Request, type SourceError } from '../../src/source/index.js';
import { createCertificate } from '../support/certificate.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { drained } from '../support/drained.js';

const CONTENT = pattern(8 << 20);

/** An nginx whose certificate is for `subject`, and that certificate. */
async function startTls(
  t: ExecutionContext,
  subject: string,
  locations = '',
): Promise<{ origin: string; ca: string }> {
  const root = await temporaryDirectory(t);
  const { certificate, key } = await createCertificate(t, subject);
  await writeFile(join(root, 'f.bin'), CONTENT);
  const serverDirectives = `ssl_session_cache shared:tls:1m; add_header x-reused $ssl_session_reused;
    keepalive_timeout 0; ${locations}`;
  const { origin } = await startNginx(t, { root, tls: { certificate, key }, serverDirectives });
  return { origin, ca: await readFile(certificate, 'utf8') };
}

function client(t: ExecutionContext, ca?: string): ReturnType<typeof createHttpClient> {
  const http = createHttpClient({ timeoutMs: 5_000, retries: 0, ...(ca === undefined ? {} : { ca }) });
  t.teardown(() => http.close());
  return http;
}

test('a body over TLS is the body, whether its sink waits or not', async (t) => {
  const { origin, ca } = await startTls(t, 'IP:127.0.0.1');
  const http = client(t, ca);
  for (const waitMs of [undefined, 0, 1]) {
    const response = await http.download(new Request(`${origin}/f.bin`));
    const copies: Uint8Array[] = [];
    await drained(response, (chunk) => {
      if (waitMs === undefined) {
        copies.push(Uint8Array.from(chunk));
        return undefined;
      }
      // Copied at the end of the wait: the memory must be untouched until then.
      return sleep(waitMs).then(() => void copies.push(Uint8Array.from(chunk)));
    });
    t.true(Buffer.concat(copies).equals(CONTENT), String(waitMs));
  }
});

test('a session is resumed by the next connection', async (t) => {
  const { origin, ca } = await startTls(t, 'IP:127.0.0.1');
  const http = client(t, ca);
  const reused: (string | null)[] = [];
  for (let count = 0; count < 3; count += 1) {
    const response = await http.download(new Request(`${origin}/f.bin`, { range: { start: 0, end: 10 } }));
    for await (const chunk of response.body) t.is(chunk.byteLength, 10);
    reused.push(response.header.get('x-reused'));
  }
  t.deepEqual(reused, ['.', 'r', 'r']);
});

test('a certificate of an unknown authority, and one for another host, are refused', async (t) => {
  const right = await startTls(t, 'IP:127.0.0.1');
  const wrong = await startTls(t, 'IP:127.0.0.2,DNS:other.example');
  for (const [origin, ca] of [
    [right.origin, undefined],
    [wrong.origin, wrong.ca],
  ] as const) {
    const http = client(t, ca);
    for (let count = 0; count < 2; count += 1) {
      const error = (await t.throwsAsync(http.download(new Request(`${origin}/f.bin`)))) as SourceError;
      t.is(error.code, 'TLS');
    }
  }
  const named = right.origin.replace('127.0.0.1', 'localhost');
  const error = (await t.throwsAsync(client(t, right.ca).download(new Request(named)))) as SourceError;
  t.is(error.code, 'TLS');
});

// S68
test('a redirect from https to http is refused', async (t) => {
  const plain = await startNginx(t, { root: await temporaryDirectory(t) });
  const { origin, ca } = await startTls(
    t,
    'IP:127.0.0.1',
    `location = /old { return 302 ${plain.origin}/f; }`,
  );
  const http = client(t, ca);
  const error = await t.throwsAsync(http.getMetadata(new Request(`${origin}/old`)));
  t.like(error, { code: 'INSECURE_REDIRECT', found: `a redirect to ${plain.origin}` });
});
