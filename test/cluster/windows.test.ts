/** Parts of a file through real dfdaemons. */
import { figuresOf, mountNode } from './mounted-node.js';
import { withCluster } from './binaries.js';
import { startOrigin } from './served-origin.js';
import { startCluster } from './start-cluster.js';

const MiB = 2 ** 20;

withCluster('parts of a file cost the origin one download of it, whichever node reads which', async (t) => {
  const bytes = 256 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const { a, b } = await startCluster(t);
  const nodes = [
    await mountNode(t, origin.host, a, { mode: 'ranges' }),
    await mountNode(t, origin.host, b, { mode: 'ranges' }),
  ];
  const [ofA, ofB] = await Promise.all([
    nodes[0]?.read('a.bin', original, { offset: 100 * MiB, bytes: 40 * MiB }),
    nodes[1]?.read('a.bin', original, { offset: 180 * MiB, bytes: 40 * MiB }),
  ]);
  for (const report of [ofA, ofB]) {
    t.like(report, { bytes: 40 * MiB, isRight: true });
    if (report !== undefined) t.log(figuresOf(report));
  }
  for (const node of nodes) t.log(await node.p2p());
  t.log(await a.traffic(), await b.traffic());
  const sent = await origin.sentOf('a.bin');
  t.log(`the origin sent ${(sent / bytes).toFixed(4)} times the file`);
  t.true(sent <= 1.1 * bytes);
});
