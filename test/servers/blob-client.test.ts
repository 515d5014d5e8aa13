/** The source abs, against azurite. */
import { pino } from 'pino';

import { azureSharedKey } from '../../src/source/auth/azure-shared-key.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { Request, SourceError } from '../../src/source/index.js';
import { createBlobSource } from '../../src/source/schemes/blob/create-blob-source.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { startAzurite, type Azurite } from './azurite.js';
import { testWith } from './with-tool.js';

const NAMES = ['dir/a b', 'dir/a#b', 'dir/a?b', 'dir/100%', 'dir/über', "dir/it's", 'dir/a+b&c=d', 'top'];

testWith('azurite/node_modules/azurite/dist/src/blob/main.js', 'abs reads azurite', async (t, program) => {
  const azurite = await startAzurite(t, program);
  await put(azurite, 'data?restype=container');
  for (const name of NAMES)
    await put(azurite, `data/${name.split('/').map(encodeURIComponent).join('/')}`, name);
  const engine = createHttpEngine({ timeoutMs: 10_000, retries: 1 });
  t.teardown(() => engine.close());
  const settings = {
    endpoint: new URL(new URL(azurite.endpoint).origin),
    credentials: { kind: 'key', account: azurite.account, key: literalSecret(azurite.key) },
  } as const;
  const log = pino({ enabled: false });
  const context = { scheme: 'abs', engine, settingsFor: () => settings, log, timeoutMs: 10_000, retries: 1 };
  const client = validatingClient(createBlobSource(context));

  const entries = await client.list(new Request('abs://data/dir'));
  t.deepEqual(
    entries.map(({ name }) => `dir/${decodeURIComponent(name)}`).toSorted(),
    NAMES.filter((name) => name !== 'top').toSorted(),
  );
  for (const { url, name, size = 0, etag = '' } of entries) {
    const pin = { etag, contentLength: size };
    const { body } = await client.download(new Request(url, { pin, range: { start: 0, end: size } }));
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    t.is(String(Buffer.concat(chunks)), `dir/${decodeURIComponent(name)}`);
  }
  const { kind, contentLength, etag, response } = await client.getMetadata(new Request('abs://data/top'));
  response?.cancel();
  t.deepEqual([kind, contentLength, etag?.startsWith('"0x')], ['file', 3, true]);
  const codeOf = async (url: string): Promise<string> =>
    await client.getMetadata(new Request(url)).then(
      ({ kind: found }) => found,
      (error: unknown) => (error instanceof SourceError ? error.code : String(error)),
    );
  t.is(await codeOf('abs://data/dir'), 'directory');
  t.is(await codeOf('abs://data/none'), 'NOT_FOUND');
  t.is(await codeOf('abs://none/none'), 'NOT_FOUND');
});

/** A blob, or without content a container. */
async function put({ endpoint, account, key }: Azurite, path: string, content = ''): Promise<void> {
  const url = new URL(`${endpoint}/${path}`);
  const header = {
    'x-ms-version': '2021-12-02',
    ...(content === '' ? {} : { 'x-ms-blob-type': 'BlockBlob', 'content-type': 'text/plain' }),
  };
  const length = Buffer.byteLength(content);
  const signed = azureSharedKey()(
    { method: 'PUT', url, header: { ...header, ...(length > 0 && { 'content-length': String(length) }) } },
    { accessKeyId: account, accessKeySecret: key },
    Date.now(),
  );
  const body = content === '' ? null : content;
  const { status, statusText } = await fetch(url, { method: 'PUT', headers: { ...header, ...signed }, body });
  if (status !== 201) throw new Error(`${path}: ${status} ${statusText}`);
}
