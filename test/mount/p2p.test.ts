/** A mount by way of a cluster: a program, the kernel, the mount, dfdaemon, the source. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { DFDAEMON_FAULTS, startFakeDfdaemon } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { CLI, onDevFuse, run } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { MIB, sentBytes, serveFile, sha256 } from '../p2p/support.js';

onDevFuse(
  'a program reads by way of dfdaemon, and goes on from the source when that fails',
  async (t, mount) => {
    const served = await serveFile(t, 40 * MIB + 7);
    const dfdaemon = await startFakeDfdaemon(t);
    const config = join(await temporaryDirectory(t), 'config.yaml');
    const text = `p2p: { proxy: '${dfdaemon.origin}' }\nsources: [{ match: { scheme: http }, p2p: true }]\n`;
    await writeFile(config, text, { mode: 0o600 });
    const path = await mount('--config', config);
    const digest = async (query: string): Promise<string> => {
      const file = `${path}/http/${served.nginx.host}/a.bin${query}`;
      return (await run('sha256sum', [file])).stdout.split(' ')[0] ?? '';
    };
    t.is(await digest(''), sha256(served.content));
    t.is(dfdaemon.requests.length, 1);
    t.is(dfdaemon.requests[0]?.sentBytes, served.content.length);
    const direct = (await sentBytes(served)) - dfdaemon.traffic.source;
    t.true(direct < 2 * MIB, `${direct} bytes came directly`);

    dfdaemon.add(DFDAEMON_FAULTS.cutMidBody);
    t.is(await digest('?2'), sha256(served.content));
    await dfdaemon.kill();
    t.is(await digest('?3'), sha256(served.content));

    const status = JSON.parse(
      (await run(process.execPath, [CLI, 'status', path, '--json'])).stdout,
    ) as object;
    t.like(status, { p2p: { proxy: dfdaemon.origin, state: 'up', requests: { ok: 1, error: 2 } } });
    const attribute = ['--only-values', '--absolute-names', '-n', 'user.d7y.p2p', path];
    t.is((await run('getfattr', attribute)).stdout, 'up');
    const metrics = (await run('cat', [`${path}/.d7y/metrics.prom`])).stdout;
    t.regex(metrics, /^d7y_mount_p2p_up 1$/m);
    t.regex(metrics, /^d7y_mount_source_received_bytes_total\{.*route="p2p"\} \d{8}$/m);
    t.regex(metrics, /^d7y_mount_read_bytes_total\{from="p2p"\} \d{8}$/m);
    t.regex(metrics, /^d7y_mount_p2p_fallbacks_total\{reason="error"\} 2$/m);
  },
);
