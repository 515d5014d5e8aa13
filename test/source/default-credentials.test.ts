import { readdir, readFile } from 'node:fs/promises';

import test from 'ava';

import { VARIABLES } from '../../src/source/default-credentials.js';

const SOURCE = new URL('../../../src/source/', import.meta.url);

/** What says how and where they are found, and not whose they are. */
const OTHERS = new Set([
  // Renewed, or kept beside what is in the table.
  'OSS_ACCESS_KEY_SECRET',
  'OSS_SESSION_TOKEN',
  'ALIBABA_CLOUD_ACCESS_KEY_SECRET',
  'ALIBABA_CLOUD_SECURITY_TOKEN',
  'TENCENTCLOUD_SECRET_KEY',
  'TENCENTCLOUD_TOKEN',
  'OBS_SECRET_ACCESS_KEY',
  'OBS_SECURITY_TOKEN',
  'HUAWEI_CLOUD_SECRET_ACCESS_KEY',
  'HUAWEI_CLOUD_SECURITY_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
  'METADATA_SERVER_DETECTION',
  'GCE_METADATA_IP',
  'GCE_METADATA_HOST',
  'XDG_CACHE_HOME',
  'XDG_RUNTIME_DIR',
  'HOME',
]);

test('every variable that credentials are found by is known', async (t) => {
  const files = await Promise.all(
    ['auth/', 'schemes/'].map(async (folder) => {
      const names = await readdir(new URL(folder, SOURCE), { recursive: true });
      return names.filter((name) => name.endsWith('.ts')).map((name) => new URL(folder + name, SOURCE));
    }),
  );
  const known = new Set(Object.values(VARIABLES).flat());
  for (const file of files.flat()) {
    const text = await readFile(file, 'utf8');
    for (const [, name = ''] of text.matchAll(
      /'((?:AWS|OSS|ALIBABA_CLOUD|TENCENTCLOUD|OBS|HUAWEI_CLOUD|GOOGLE|GCE|CLOUDSDK|AZURE|HF|HUGGING_FACE|MODELSCOPE|CSGHUB|DOCKER|HADOOP|REGISTRY)_[A-Z_]+)'/g,
    )) {
      t.true(known.has(name) || OTHERS.has(name), `${name} of ${file.pathname}`);
    }
  }
});
