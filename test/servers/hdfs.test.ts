/** The source hdfs against Hadoop's own name nodes and data nodes. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { Request } from '../../src/source/request.js';
import { read, stat } from '../support/conformance/reading.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { startFaultFront } from '../support/fault-front.js';
import { hdfsClient } from '../support/hdfs-client.js';
import { onDevFuse } from '../support/mounted.js';
import { configFile, makeOriginal, readsAsOriginal } from '../support/original-tree.js';
import { startedOnce } from '../support/started-once.js';
import { pattern } from '../support/tree.js';
import { HADOOP, type Hadoop, startHadoop } from './hadoop.js';
import { findTool } from './tools.js';
import { testWith } from './with-tool.js';

const tool = findTool(HADOOP);
const USER = { kind: 'user', user: 'ada' } as const;
const MANY = 1_000;
let directories = 0;

if ('missing' in tool) {
  test.skip(`hdfs reads Hadoop (${tool.missing})`, () => undefined);
} else {
  const shared = startedOnce((all) => startHadoop(all, tool.path));

  const setUp = async (t: ExecutionContext, timeoutMs: number): Promise<TestedSource> => {
    const hadoop = await shared();
    const front = await startFaultFront(t, hadoop.nameNodes[0].origin);
    const directory = `test-${(directories += 1)}`;
    await hadoop.put(`${directory}-forbidden/file`, 'x');
    await hadoop.setPermission(`${directory}-forbidden`, '700');
    return {
      client: hdfsClient(t, { namenodes: [new URL(`${front.origin}/`)], credentials: USER }, { timeoutMs }),
      front,
      forbidden: '-forbidden/file',
      urlOf: (name) => {
        const path = name.split('/').map(encodeURIComponent).join('/');
        return `hdfs://cluster/${directory}${name.startsWith('-') ? '' : '/'}${path}`;
      },
      canPut: (name) => !name.includes(':'),
      put: (name, content) => hadoop.put(`${directory}/${name}`, content),
      chmod: (name, mode) => hadoop.setPermission(`${directory}/${name}`, mode.toString(8)),
      putMany: async (names) => {
        // Of thousands nothing but the names is read.
        const put =
          names.length > MANY
            ? hadoop.touch
            : (path: string) => hadoop.put(path, path.slice(directory.length + 1));
        for (const name of names) await put(`${directory}/${name}`);
      },
    };
  };

  testSourceFully('hdfs on Hadoop', {
    isSerial: true,
    lacks: {
      archived: 'files are not archived',
      'flat keys': 'names are exact',
      expireCredentials: 'without Kerberos it checks no tokens',
      revokeCredentials: 'without Kerberos it checks no tokens',
    },
    setUp,
  });

  onDevFuse('real programs read Hadoop as the original', async (t, mount) => {
    const hadoop = await shared();
    const root = await makeOriginal(t);
    await upload(hadoop, root, 'original');
    const namenodes = hadoop.nameNodes.map(({ host }) => host);
    const rule = { match: { scheme: 'hdfs', host: 'cluster' }, namenodes, credentials: { user: 'ada' } };
    const mnt = await mount('--config', await configFile(t, rule));
    await readsAsOriginal(t, `${mnt}/hdfs/cluster/original`, root);
    // A name node by its host, without a rule.
    await readsAsOriginal(t, `${mnt}/hdfs/${hadoop.nameNodes[0].host}/original`, root);
  });

  test.serial('a read goes on where a data node dies', async (t) => {
    const hadoop = await shared();
    const content = pattern(1_000_000);
    await hadoop.put('replicated.bin', content);
    // Both have the same address here, so that leaving out one may leave out the other.
    const limits = { timeoutMs: 60_000, retries: 20 };
    const client = hdfsClient(t, { namenodes: [...hadoop.nameNodes], credentials: USER }, limits);
    await hadoop.stopDataNode(0);
    // The name node sends half of the readers to the dead one.
    for (let at = 0; at < 10; at += 1) {
      const range = { start: at * 100_000, end: (at + 1) * 100_000 };
      const part = await read(client, 'hdfs://cluster/replicated.bin', { range });
      t.true(part.equals(content.subarray(range.start, range.end)));
    }
  });
}

testWith(HADOOP, 'a read goes on where the active name node dies', async (t, program) => {
  const hadoop = await startHadoop(t, program);
  const content = pattern(24 << 20);
  await hadoop.put('large.bin', content);
  const client = hdfsClient(
    t,
    { namenodes: [...hadoop.nameNodes], credentials: USER },
    { timeoutMs: 60_000 },
  );
  const url = 'hdfs://cluster/large.bin';
  const { etag = '', contentLength } = await stat(client, url);
  const pin = { etag, contentLength };
  // The body of one is open all the time.
  const whole = await client.download(new Request(url, { pin }));
  const chunks = whole.body[Symbol.asyncIterator]();
  const begin = await chunks.next();
  await hadoop.stop(0);
  const part = (start: number): Promise<Buffer> =>
    read(client, url, { pin, range: { start, end: start + 70_000 } });
  const waiting = [part(5 << 20), part(13 << 20)];
  // They wait for one that is active.
  await t.throwsAsync(Promise.race([...waiting, rejected(100)]), { message: 'not yet' });
  await hadoop.activate(1);
  const [first, second] = await Promise.all(waiting);
  t.true(first?.equals(content.subarray(5 << 20, (5 << 20) + 70_000)));
  t.true(second?.equals(content.subarray(13 << 20, (13 << 20) + 70_000)));
  const parts = [begin.value as Buffer];
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    parts.push(Buffer.from(next.value));
  }
  t.true(Buffer.concat(parts).equals(content));
});

function rejected(afterMs: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('not yet')), afterMs);
  });
}

async function upload(hadoop: Hadoop, root: string, to: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) await hadoop.put(`${to}/${path.slice(root.length + 1)}`, await readFile(path));
  }
}
