/** Our server of blobs beside azurite, as Azure's own client sees both. */
import { startAzurite } from './azurite.js';
import { startBlobServer } from './blob/blob-server.js';
import { runPython } from './python.js';
import { findTool } from './tools.js';
import { testWith } from './with-tool.js';

const PYTHON = 'python/bin/python';
const AZURITE = 'azurite/node_modules/azurite/dist/src/blob/main.js';
const ODD_NAMES = ['a b+c%20d', 'dir/ü?#&=', `quotes'"<>`, 'dir/x', '漢字', 'z~!*()'];

const CLIENT = `
import json, os
from azure.storage.blob import ContainerClient
from azure.core.exceptions import HttpResponseError
def client(credential=None, container='container'):
    credential = credential or {'account_name': os.environ['ACCOUNT'], 'account_key': os.environ['KEY']}
    return ContainerClient(os.environ['ENDPOINT'], container, credential=credential, retry_total=0, api_version='2021-12-02')
def code(call):
    try:
        call(); return 'none'
    except HttpResponseError as error:
        return error.error_code or str(error.status_code)
blobs, names = client(), json.loads(os.environ['NAMES'])
if os.environ.get('PUT'):
    blobs.create_container()
    for name in names: blobs.upload_blob(name, ('content of ' + name).encode())
def facts():
    get = lambda name='dir/x', **how: blobs.download_blob(name, **how)
    etag = get().properties.etag
    listed = [entry for page in blobs.walk_blobs(results_per_page=2).by_page() for entry in page]
    below = list(blobs.walk_blobs(name_starts_with='dir/'))
    return {
      'listed': sorted(entry.name for entry in listed),
      'below': sorted(entry.name for entry in below),
      'etag': [entry.etag for entry in below if entry.name == 'dir/x'] == [etag.strip('"')],
      'contents': {name: get(name).readall().decode() for name in names},
      'range': get(offset=3, length=4).readall().decode(),
      'codes': [code(lambda: get('none')), code(lambda: client(container='missing').download_blob('x')),
                code(lambda: get(etag='"0x0"', match_condition=MatchConditions.IfNotModified)),
                code(lambda: client({'account_name': os.environ['ACCOUNT'], 'account_key': 'AAAA'}).download_blob('dir/x'))],
    }
from azure.core import MatchConditions
`;

const EXPECTED = {
  listed: [...ODD_NAMES.filter((name) => !name.startsWith('dir/')), 'dir/'].toSorted(),
  below: ODD_NAMES.filter((name) => name.startsWith('dir/')).toSorted(),
  etag: true,
  contents: Object.fromEntries(ODD_NAMES.map((name) => [name, `content of ${name}`])),
  range: 'tent',
  codes: ['BlobNotFound', 'ContainerNotFound', 'ConditionNotMet', 'AuthenticationFailed'],
};

testWith(PYTHON, 'azure-storage-blob reads and lists our blobs', async (t, python) => {
  const server = await startBlobServer(t);
  for (const name of ODD_NAMES) server.put('container', name, `content of ${name}`);
  server.put('control', 'a\u0001', 'x');
  server.put('cold', 'a', 'x', { isArchived: true });
  const found = await runPython(
    python,
    `${CLIENT}
from azure.core.credentials import AzureSasCredential
sas = client(AzureSasCredential('${server.sas('container')}'))
one = client(AzureSasCredential('${server.sas('container', { blob: 'dir/x' })}'))
print(json.dumps({**facts(),
  'sas': [sas.download_blob('dir/x').readall().decode(), len(list(sas.list_blobs())), one.download_blob('dir/x').readall().decode(),
          code(lambda: list(one.list_blobs())), code(lambda: one.download_blob('z~!*()'))],
  'control': [entry.name for entry in client(container='control').list_blobs()],
  'cold': code(lambda: client(container='cold').download_blob('a'))}))`,
    {
      ENDPOINT: `${server.origin}/${server.account}`,
      ACCOUNT: server.account,
      KEY: server.key,
      NAMES: JSON.stringify(ODD_NAMES),
    },
  );
  const refused = 'AuthorizationPermissionMismatch';
  t.deepEqual(found, {
    ...EXPECTED,
    sas: ['content of dir/x', ODD_NAMES.length, 'content of dir/x', refused, refused],
    control: ['a\u0001'],
    cold: 'BlobArchived',
  });
});

testWith(AZURITE, 'azurite answers its client as our server does', async (t, program) => {
  const python = findTool(PYTHON);
  if ('missing' in python) {
    t.log(`not compared: ${python.missing}`);
    t.pass();
    return;
  }
  const { endpoint, account, key } = await startAzurite(t, program);
  const found = await runPython(python.path, `${CLIENT}\nprint(json.dumps(facts()))`, {
    ENDPOINT: endpoint,
    ACCOUNT: account,
    KEY: key,
    NAMES: JSON.stringify(ODD_NAMES),
    PUT: '1',
  });
  // Azure says AuthenticationFailed.
  t.deepEqual(found, { ...EXPECTED, codes: [...EXPECTED.codes.slice(0, 3), 'AuthorizationFailure'] });
});
