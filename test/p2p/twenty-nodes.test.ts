/** Twenty nodes, each with its names, its cache and its dfdaemon, that read one file at the same time. */
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import type { DfdaemonFault } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { DFDAEMON_FAULTS, Swarm } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { MEMORY_PLUGINS } from '../support/memory-resources.js';
import { type ClusterNode, MIB, type NodeOptions, sentBytes, serveFile, startNode } from './support.js';

const NODES = 20;
const CALLER = { id: 1 };

type TwentyNodes = ClusterNode & { readonly vfs: VirtualFs };

/** Passwords are for all of `/private`, and what they let read is not shared. */
async function startNodes(t: ExecutionContext, options: NodeOptions = {}): Promise<TwentyNodes[]> {
  const swarm = new Swarm();
  const authorize = ({ url }: { readonly url: URL }): { header: Record<string, string> } => ({
    header: url.pathname.startsWith('/private/') ? { authorization: 'Basic secret' } : {},
  });
  return await Promise.all(
    Array.from({ length: NODES }, async () => {
      const node = await startNode(t, { swarm, profile: { authorizer: { authorize } }, ...options });
      const vfs = new VirtualFs({
        cache: node.cache,
        plugins: { ...MEMORY_PLUGINS, isServed: () => Promise.resolve(true) },
        ownership: { uid: 0, gid: 0, umask: 0 },
        budget: MetadataBudget.beside(0),
      });
      return { ...node, vfs };
    }),
  );
}

/** As `cat` of a path; each read is compared, and no node keeps more than one. */
async function reads(
  t: ExecutionContext,
  { vfs }: TwentyNodes,
  path: string,
  content: Buffer,
): Promise<void> {
  let node = vfs.root;
  for (const name of path.split('/')) ({ node } = await vfs.lookup(node, name, CALLER));
  const { id: handle } = await vfs.open(node, CALLER);
  for (let at = 0; at < content.byteLength; at += MIB) {
    const right = content.subarray(at, at + MIB);
    const got = await vfs.read(handle, at, MIB, CALLER, (pieces) => Buffer.concat(pieces));
    t.true(got.equals(right), `byte ${at}`);
  }
  vfs.release(handle);
}

test.serial('twenty nodes cost the origin one download, and no dfdaemon sees a credential', async (t) => {
  const served = await serveFile(t, 20 * MIB);
  const { host } = served.nginx;
  await mkdir(join(dirname(served.path), 'private'));
  await copyFile(served.path, join(dirname(served.path), 'private', 'a.bin'));
  const nodes = await startNodes(t);
  await Promise.all(nodes.map((node) => reads(t, node, `http/${host}/a.bin`, served.content)));
  const sent = await sentBytes(served);
  t.true(sent <= served.content.byteLength * 1.1, `${sent}`);
  t.is(nodes.filter(({ peers }) => peers.report?.requests['ok'] === 1).length, NODES);

  // What is in the order of a stream would be by P2P, but for the password.
  for (const node of nodes)
    await reads(t, node, `http/${host}/private/a.bin`, served.content.subarray(0, 2 * MIB));
  for (const { dfdaemon } of nodes) {
    t.is(dfdaemon.requests.length, 1);
    t.false(JSON.stringify(dfdaemon.requests).includes('secret'));
  }
});

test.serial('of twenty nodes each has another fault, and all read the right bytes', async (t) => {
  const served = await serveFile(t, 20 * MIB);
  const nodes = await startNodes(t, { firstByteMs: 2_000, stallMs: 2_000 });
  // Without a digest nothing shows it.
  const { wrongByte: _, ...shown } = DFDAEMON_FAULTS;
  const faults: [string, DfdaemonFault][] = Object.entries(shown).slice(0, NODES);
  for (const [i, [, fault]] of faults.entries()) nodes[i]?.dfdaemon.add(fault);
  await Promise.all(nodes.map((node) => reads(t, node, `http/${served.nginx.host}/a.bin`, served.content)));
  for (const [i, [name]] of faults.entries()) t.is(nodes[i]?.peers.report?.requests['ok'], 0, name);
});
