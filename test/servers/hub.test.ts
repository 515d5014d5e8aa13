/** Our hub, as the hubs' own clients see it. */
import { createHash } from 'node:crypto';

import test from 'ava';

import { temporaryDirectory } from '../support/temp.js';
import { startHub } from './hub.js';
import { runPython } from './python.js';
import { testWith } from './with-tool.js';

const LARGE = Buffer.alloc(200_000, 'large');
const SHA256 = createHash('sha256').update(LARGE).digest('hex');

testWith('python/bin/python', 'huggingface_hub lists and downloads', async (t, python) => {
  const hub = await startHub(t);
  hub.pageSize = 7;
  const model = hub.repository('models', 'Ada/model');
  const first = hub.commit(model, { 'README.md': 'hello', 'dir/weights.bin': LARGE, 'old.txt': 'old' });
  const many = Object.fromEntries(
    Array.from({ length: 50 }, (_, index) => [`many/${index} #?%.txt`, `${index}`]),
  );
  const second = hub.commit(model, { ...many, 'old.txt': undefined });
  hub.commit(model, { 'README.md': 'of a pull request' }, { revision: 'refs/pr/1' });
  hub.commit(hub.repository('datasets', 'ada/data'), { 'a.csv': 'x,y\n' });
  hub.repository('models', 'ada/gated').access = 'gated';
  hub.commit(hub.repository('models', 'ada/gated'), { f: 'x' });
  const home = await temporaryDirectory(t);
  const found = await runPython(
    python,
    `
import json, hashlib
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError
def error(call):
    try:
        call(); return 'none'
    except Exception as e:
        return type(e).__name__
api, fs = HfApi(), HfFileSystem()
read = lambda *a, **k: open(hf_hub_download(*a, **k), 'rb').read()
tree = list(api.list_repo_tree('Ada/model', recursive=True))
print(json.dumps({
  'sha': api.model_info('Ada/model').sha,
  'files': sorted(api.list_repo_files('Ada/model'))[:2],
  'count': len(tree),
  'lfs': [entry.lfs.sha256 for entry in tree if entry.path == 'dir/weights.bin'],
  'large': hashlib.sha256(read('Ada/model', 'dir/weights.bin')).hexdigest(),
  'small': read('Ada/model', 'README.md').decode(),
  'odd': read('Ada/model', 'many/7 #?%.txt').decode(),
  'pr': read('Ada/model', 'README.md', revision='refs/pr/1').decode(),
  'old': read('Ada/model', 'old.txt', revision='${first.sha}').decode(),
  'data': read('ada/data', 'a.csv', repo_type='dataset').decode(),
  'ls': sorted(fs.ls('Ada/model', detail=False)),
  'part': hashlib.sha256(fs.cat_file('Ada/model/dir/weights.bin', start=100000, end=100010)).hexdigest(),
  'errors': [error(lambda: read('Ada/model', 'none')), error(lambda: read('Ada/none', 'f')), error(lambda: read('Ada/model', 'f', revision='none')),
             error(lambda: read('ada/gated', 'f')), error(lambda: read('ada/gated', 'f', token='hf_other'))],
  'gated': read('ada/gated', 'f', token='hf_test').decode(),
}))`,
    { HF_ENDPOINT: hub.origin, HF_HOME: home, HF_HUB_DISABLE_XET: '1', HF_HUB_DISABLE_PROGRESS_BARS: '1' },
  );
  t.deepEqual(found, {
    sha: second.sha,
    files: ['README.md', 'dir/weights.bin'],
    count: 54,
    lfs: [SHA256],
    large: SHA256,
    small: 'hello',
    odd: '7',
    pr: 'of a pull request',
    old: 'old',
    data: 'x,y\n',
    ls: ['Ada/model/README.md', 'Ada/model/dir', 'Ada/model/many'],
    part: createHash('sha256').update(LARGE.subarray(100_000, 100_010)).digest('hex'),
    errors: [
      'RemoteEntryNotFoundError',
      'RepositoryNotFoundError',
      'RevisionNotFoundError',
      'GatedRepoError',
      'GatedRepoError',
    ],
    gated: 'x',
  });
  t.true(hub.cdn.log.length > 0);
});

testWith('python/bin/python', 'modelscope lists and downloads', async (t, python) => {
  const hub = await startHub(t, 'modelscope');
  const model = hub.repository('models', 'Ada/model');
  hub.commit(model, { 'README.md': 'hello', 'dir/weights.bin': LARGE });
  hub.commit(model, { 'README.md': 'branch' }, { revision: 'dev' });
  const data = hub.repository('datasets', 'Ada/data');
  hub.commit(
    data,
    Object.fromEntries(Array.from({ length: 450 }, (_, index) => [`d/${index}.csv`, `${index}`])),
  );
  hub.repository('models', 'Ada/private').access = 'private';
  hub.commit(hub.repository('models', 'Ada/private'), { f: 'secret' });
  const home = await temporaryDirectory(t);
  const found = await runPython(
    python,
    `
import json, hashlib, os
from modelscope_hub import HubApi
def error(call):
    try:
        call(); return 'none'
    except Exception as e:
        return type(e).__name__
api = HubApi(endpoint=os.environ['MODELSCOPE_ENDPOINT'])
known = HubApi(endpoint=os.environ['MODELSCOPE_ENDPOINT'], token='hf_test')
path = lambda entry: entry.get('Path') if isinstance(entry, dict) else entry.path
read = lambda api, repo, name, repo_type, **k: open(api.download_file(repo, repo_type, name, **k), 'rb').read()
print(json.dumps({
  'files': sorted(path(entry) for entry in api.list_repo_files('Ada/model', repo_type='model')),
  'data': len(list(api.list_repo_files('Ada/data', repo_type='dataset'))),
  'large': hashlib.sha256(read(api, 'Ada/model', 'dir/weights.bin', repo_type='model')).hexdigest(),
  'dev': read(api, 'Ada/model', 'README.md', repo_type='model', revision='dev').decode(),
  'private': read(known, 'Ada/private', 'f', repo_type='model').decode(),
  'errors': [error(lambda: read(api, 'Ada/none', 'f', repo_type='model')), error(lambda: read(api, 'Ada/model', 'none', repo_type='model'))],
}))`,
    { MODELSCOPE_ENDPOINT: hub.origin, MODELSCOPE_CACHE: home, HOME: home },
  );
  t.deepEqual(found, {
    files: ['README.md', 'dir', 'dir/weights.bin'],
    // With the directory.
    data: 451,
    large: SHA256,
    dev: 'branch',
    private: 'secret',
    errors: ['NotExistError', 'NotExistError'],
  });
});

test('opencsg: siblings with sizes below the prefix, and a redirect to the canonical case', async (t) => {
  const hub = await startHub(t, 'opencsg');
  hub.commit(hub.repository('models', 'Ada/model'), { 'README.md': 'hello', 'w.bin': LARGE });
  const info = await fetch(`${hub.origin}/csg/api/models/Ada/model/revision/main?blobs=true`);
  const { siblings } = (await info.json()) as { siblings: { rfilename: string; size: number }[] };
  t.deepEqual(
    siblings.map(({ rfilename, size }) => [rfilename, size]),
    [
      ['README.md', 5],
      ['w.bin', LARGE.byteLength],
    ],
  );
  const read = await fetch(`${hub.origin}/csg/ada/model/resolve/main/w.bin`);
  t.is((await read.arrayBuffer()).byteLength, LARGE.byteLength);
  t.deepEqual(
    hub.log.map(({ status }) => status),
    [200, 307, 302],
  );
});
