import test from 'ava';

import { SourceError } from '../../src/source/errors.js';
import { encodePath, type HubPlace, parseHubUrl } from '../../src/source/schemes/hub/hub-path.js';

const TYPES = ['models', 'datasets', 'spaces'];

function place(url: string): HubPlace {
  return parseHubUrl(new URL(url), TYPES);
}

function file(type: string, id: string, revision: string | undefined, path: string): HubPlace {
  return { kind: 'file-or-directory', repository: { type, id, revision }, path };
}

test('a URL names a type, an owner, a repository at a revision, and a path in it', (t) => {
  const expected: Record<string, HubPlace> = {
    'hf://datasets': { kind: 'type', type: 'datasets' },
    'hf://datasets/': { kind: 'type', type: 'datasets' },
    'hf://Qwen': { kind: 'owner', type: 'models', owner: 'Qwen' },
    'hf://models/Qwen': { kind: 'owner', type: 'models', owner: 'Qwen' },
    'hf://Qwen/Qwen3-8B': file('models', 'Qwen/Qwen3-8B', undefined, ''),
    'hf://models/Qwen/Qwen3-8B/config.json': file('models', 'Qwen/Qwen3-8B', undefined, 'config.json'),
    'hf://datasets/a/b@v1.0/dir/x.parquet': file('datasets', 'a/b', 'v1.0', 'dir/x.parquet'),
    'hf://a/b@refs%2Fpr%2F1/f': file('models', 'a/b', 'refs/pr/1', 'f'),
    'hf://a/b@refs/pr/1/f': file('models', 'a/b', 'refs/pr/1', 'f'),
    'hf://a/b@refs/convert/parquet': file('models', 'a/b', 'refs/convert/parquet', ''),
    'hf://a/b@refs/heads/x': file('models', 'a/b', 'refs', 'heads/x'),
    'hf://a_/b/100%25%20%23%3F': file('models', 'a_/b', undefined, '100% #?'),
    'hf://a/b/dir@2/f': file('models', 'a/b', undefined, 'dir@2/f'),
  };
  for (const [url, what] of Object.entries(expected)) t.deepEqual(place(url), what, url);
});

test('a URL without a name or a revision, and one that is not UTF-8, is refused', (t) => {
  for (const [url, code] of [
    ['hf://a/@main', 'NOT_FOUND'],
    ['hf://a/b@', 'NOT_FOUND'],
    // Paths of the API that would lead elsewhere, and second names of a file.
    ['hf://a/b%2F..%2F..%2Fwhoami/f', 'NOT_FOUND'],
    ['hf://models/..%2Fwhoami', 'NOT_FOUND'],
    ['hf://a/..@main/f', 'NOT_FOUND'],
    ['hf://a/b@../f', 'NOT_FOUND'],
    ['hf://a/b/dir%2Ff', 'NOT_FOUND'],
    ['hf://a/b/%ff', 'INVALID_REQUEST'],
  ] as const) {
    t.is(t.throws(() => place(url), { instanceOf: SourceError }, url)?.code, code, url);
  }
});

test('in a path of the API each segment is encoded', (t) => {
  t.is(encodePath('a b/c#d/e?f/100%'), 'a%20b/c%23d/e%3Ff/100%25');
});
