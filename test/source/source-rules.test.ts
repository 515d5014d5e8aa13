import test from 'ava';

import { fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { type SourceMatch, SourceRules } from '../../src/source/source-rules.js';
import type { SourceSettings } from '../../src/source/settings.js';

function rules(...given: readonly (readonly [SourceMatch, SourceSettings])[]): SourceRules {
  return new SourceRules(given.map(([match, settings], i) => ({ match, settings, origin: `rule ${i}` })));
}

const token = (text: string): SourceSettings => ({
  credentials: { kind: 'token', token: literalSecret(text) },
});
const revision = (text: string): SourceSettings => ({ revision: text });
const HF = { schemes: ['hf'] };

function revisionOf(found: SourceSettings): unknown {
  return 'revision' in found ? found.revision : undefined;
}

test('the longest path counts, then an exact host, then the longest pattern, then a scheme; of equals the first', (t) => {
  const found = rules(
    [{}, revision('any')],
    [HF, revision('scheme')],
    [{ ...HF, host: 'own*' }, revision('pattern')],
    [{ ...HF, host: 'owner*' }, revision('longer pattern')],
    [{ ...HF, host: 'owner' }, revision('host')],
    [{ ...HF, host: 'owner' }, revision('later')],
    [{ ...HF, path: '/repo' }, revision('path')],
    [{ ...HF, path: '/repo/deep/' }, revision('longer path')],
  );
  const expected = {
    'https://x/': 'any',
    'hf://x/y': 'scheme',
    'hf://own/y': 'pattern',
    'hf://owner2/y': 'longer pattern',
    'hf://owner/y': 'host',
    'hf://owner/repo': 'path',
    'hf://x/repo/deep/er': 'longer path',
    'hf://x/repo/deeper': 'path',
    'hf://x/repository': 'scheme',
  };
  for (const [url, value] of Object.entries(expected)) {
    t.is(revisionOf(found.settingsFor(new URL(url))), value, url);
  }
});

test('each setting is of the most specific rule that has it, and credentials are taken whole', (t) => {
  const found = rules(
    [{ schemes: ['s3'] }, { region: 'eu', credentials: { kind: 'profile', profile: 'research' } }],
    [{ schemes: ['s3'], host: 'lake' }, { credentials: { kind: 'profile', roleArn: 'arn' } }],
  );
  t.deepEqual(found.settingsFor(new URL('s3://lake/key')), {
    region: 'eu',
    credentials: { kind: 'profile', roleArn: 'arn' },
  });
  t.is(found.settingsFor(new URL('s3://lake/a')), found.settingsFor(new URL('s3://lake/b')), 'one object');
  t.deepEqual(found.settingsFor(new URL('gs://lake/key')), {});
});

test('a host has the port of its scheme, unless it is given', (t) => {
  const found = rules(
    [{ schemes: ['https'], host: 'Files.example:443' }, token('a')],
    [{ schemes: ['https'], host: '*.lab.example' }, token('b')],
  );
  const has = (url: string): boolean => 'credentials' in found.settingsFor(new URL(url));
  t.true(has('https://files.example/x'));
  t.false(has('https://files.example:8443/x'));
  t.false(has('http://files.example/x'));
  t.true(has('https://a.LAB.example/x'));
  t.false(has('https://lab.example/x'));
  t.false(has('https://a.lab.example.evil/x'));
});

test('the scope tells contents of other credentials and endpoints apart, and nothing else', (t) => {
  const scope = (settings: SourceSettings, url = 'https://x/'): string | undefined =>
    rules([{}, settings]).scopeFor(new URL(url));
  t.is(scope({}), undefined);
  t.is(scope({ proxy: 'direct', credentials: { kind: 'anonymous' } }), undefined);
  t.not(scope(token('a')), scope(token('b')));
  t.is(scope(token('a')), scope(token('a')));
  const headers = (...names: string[]): SourceSettings => ({
    headers: Object.fromEntries(names.map((name) => [name, literalSecret(name)])),
  });
  t.is(scope(headers('a', 'b')), scope(headers('b', 'a')));
  t.not(scope(headers('a', 'b')), scope(headers('a')));
  const file = (path: string): SourceSettings => ({
    credentials: { kind: 'token', token: fileSecret(path) },
  });
  t.not(scope(file('/a')), scope(file('/b')));
  t.not(scope({ endpoint: new URL('https://a') }), scope({ endpoint: new URL('https://b') }));
  t.not(scope({}, 's3://x/'), undefined, 'with what the source finds in the environment');
  t.is(scope({ credentials: { kind: 'anonymous' } }, 's3://x/'), undefined);
  // The same URL is another file where the environment names another server, for all readers.
  process.env['MODELSCOPE_ENDPOINT'] = 'https://mirror.example';
  t.regex(scope({ credentials: { kind: 'anonymous' } }, 'modelscope://x/') ?? '', /mirror\.example/);
  t.regex(scope(token('a'), 'modelscope://x/') ?? '', /mirror\.example/);
  delete process.env['MODELSCOPE_ENDPOINT'];
});
