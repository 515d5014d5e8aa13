import test from 'ava';

import { UrlSet } from '../../src/cache/url-set.js';
import { temporaryDirectory } from '../support/temp.js';
import { openStore, Sample, storeFor, write } from './disk-store-support.js';

test('what is stored with credentials is evicted by its URL, also by a run that knows nothing of it', async (t) => {
  const directory = await temporaryDirectory(t);
  const credentialsFor = (url: string): string | undefined => (url.includes('secret') ? 'token' : undefined);
  const samples = ['secret/a', 'secret/b', 'plain'].map((name) => new Sample(name, 3 * 4096));
  const first = await openStore(directory, { credentialsFor });
  for (const sample of samples) {
    const version = await first.open(sample.key, sample.facts);
    if (version === undefined) return t.fail();
    await write(version, 0, sample.blocks(0, 3));
    version.close();
  }
  await first.close();
  const second = await storeFor(t, directory, { credentialsFor });
  const evicted = await second.evict(new UrlSet(['https://host.example/secret/a']));
  t.is(evicted?.files, 1);
  t.true((evicted?.bytes ?? 0) >= 3 * 4096);
  const [a, b, plain] = samples.map(({ key }) => key.resource);
  t.is(await second.newest(a ?? ''), undefined);
  t.not(await second.newest(b ?? ''), undefined);
  t.is((await second.evict(new UrlSet(['https://host.example/secret'])))?.files, 1);
  t.not(await second.newest(plain ?? ''), undefined);
  t.is((await second.evict(new UrlSet(['https:'])))?.files, 1);
  t.is(second.usedBytes, 0);
});

test('a process that does not write the directory evicts nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  await storeFor(t, directory);
  const reader = await storeFor(t, directory);
  t.is(await reader.evict(new UrlSet([''])), undefined);
});
