import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createDfsClient } from '../../src/source/dfs/dfs-client.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { startNginx } from '../support/nginx.js';
import { testSource } from '../support/source-conformance.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

testSource('dfs', () =>
  Promise.resolve({
    client: validatingClient(createDfsClient()),
    url: 'dfs://host:56001/path/to/resource',
    content: Buffer.from('hello world'),
    supportsRange: false,
  }),
);

for (const [name, serverDirectives, supportsRange] of [
  ['http', '', true],
  ['http without ranges', 'max_ranges 0;', false],
  ['http without lengths', 'max_ranges 0; ssi on; ssi_types *;', false],
] as const) {
  testSource(name, async (t) => {
    const root = await temporaryDirectory(t);
    const content = pattern(200_000);
    await writeFile(join(root, 'a file.bin'), content);
    const { origin } = await startNginx(t, { root, serverDirectives });
    const http = createHttpClient({ timeoutMs: 5_000 });
    t.teardown(() => http.close());
    return {
      client: validatingClient(http),
      url: `${origin}/a%20file.bin`,
      content,
      supportsRange,
      missingUrl: `${origin}/missing`,
      directoryUrl: `${origin}/`,
    };
  });
}
