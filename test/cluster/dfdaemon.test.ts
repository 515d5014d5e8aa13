import type { ExecutionContext } from 'ava';

import { checkDfdaemon, type CheckedCluster, type CheckedDfdaemon } from '../support/dfdaemon-checks.js';
import { withCluster } from './binaries.js';
import type { Dfdaemon } from './dfdaemon.js';
import { startCluster } from './start-cluster.js';

checkDfdaemon(withCluster, async (t: ExecutionContext, seconds): Promise<CheckedCluster> => {
  const { a, b } = await startCluster(t, { collectedPieceTimeout: `${seconds}s` });
  return { a: checked(a), b: checked(b) };
});

function checked(node: Dfdaemon): CheckedDfdaemon {
  return {
    ...node,
    traffic: async () => {
      const { source, peers } = await node.traffic();
      return { source, peers };
    },
  };
}
