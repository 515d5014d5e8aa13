import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { composeSources } from '../../bin/compose-sources.js';
import { LiveConfiguration } from '../../bin/config/live-configuration.js';
import { loadConfiguration } from '../../bin/config/load-configuration.js';
import { reload } from '../../bin/config/reload.js';
import { Request } from '../../src/source/request.js';
import { startFaultServer } from '../support/fault-server.js';
import { temporaryDirectory } from '../support/temp.js';

interface Run {
  readonly live: LiveConfiguration;
  readonly lines: string[];
  /** Writes the file, and reloads it. */
  readonly change: (text: string) => Promise<void>;
}

async function start(t: ExecutionContext, text: string): Promise<Run> {
  const config = join(await temporaryDirectory(t), 'config.yaml');
  const load = (): ReturnType<typeof loadConfiguration> => loadConfiguration({ config }, {});
  await writeFile(config, text, { mode: 0o600 });
  const live = new LiveConfiguration(await load());
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(line) });
  const change = async (next: string): Promise<void> => {
    await writeFile(config, next);
    await reload(live, load, log);
  };
  return { live, lines, change };
}

test('a reload changes what can change, and says what cannot', async (t) => {
  const { live, lines, change } = await start(
    t,
    'metadataTtl: 1s\nmemory: 64MiB\nplugins: { x: { a: b } }\n',
  );
  await change('metadataTtl: 2s\nlogLevel: debug\nmemory: 128MiB\nplugins: { x: { a: hidden } }\n');
  t.like(live.current.options, { metadataTtl: 2_000, logLevel: 'debug', memory: 64 * 2 ** 20 });
  t.deepEqual(live.current.plugins, { x: { a: 'b' } });
  t.regex(lines.join(''), /"changed":\["metadataTtl","logLevel"\]/);
  t.regex(lines.join(''), /these need a new mount, and stay as they are: memory, plugins/);
  t.notRegex(lines.join(''), /hidden/);
});

test('a reload names rules and policy where they have changed, and not where their lines have', async (t) => {
  const [rule, policy] = [
    'sources: [{ match: { scheme: hf }, revision: a }]\n',
    'policy: { deny: [{ scheme: http }] }\n',
  ];
  const { lines, change } = await start(t, `${rule}${policy}`);
  const changed = async (text: string): Promise<unknown> => {
    lines.length = 0;
    await change(text);
    return (JSON.parse(lines[0] ?? '') as { readonly changed: unknown }).changed;
  };
  t.deepEqual(await changed(`# a comment\n${policy}${rule}`), []);
  t.deepEqual(await changed(`${rule.replace('revision: a', 'revision: b')}${policy}`), ['sources']);
  t.deepEqual(await changed(rule), ['sources', 'policy']);
});

test('a reload turns P2P on and off', async (t) => {
  const rule = 'sources:\n- match: { scheme: http }\n  p2p: true\n';
  const { live, change } = await start(t, rule);
  const { peers, close } = composeSources(live, pino({ level: 'silent' }));
  t.teardown(close);
  const version = { etag: '"a"', contentLength: 2 ** 30 };
  const modes = (): unknown[] => ['http://h/x', 'https://h/x'].map((url) => peers.modeFor(url, version));
  t.deepEqual([modes(), peers.report], [[undefined, undefined], undefined]);
  await change(`p2p: { proxy: 'http://127.0.0.1:1' }\n${rule}`);
  t.deepEqual(modes(), ['stream', undefined]);
  await change(`p2p: { proxy: 'http://127.0.0.1:2', mode: ranges }\n${rule}`);
  t.deepEqual(modes(), ['ranges', undefined]);
  t.is(peers.report?.proxy, 'http://127.0.0.1:2');
  await change(rule);
  t.deepEqual([modes(), peers.report], [[undefined, undefined], undefined]);
});

test('a file with faults changes nothing, and its faults are logged', async (t) => {
  const { live, lines, change } = await start(t, 'metadataTtl: 1s\n');
  const before = live.current;
  t.like(await t.throwsAsync(change('metadataTtl: 2s\nmetadtaTtl: 3s\n')), { code: 'CONFIGURATION' });
  t.regex(live.report.error ?? '', /metadtaTtl/);
  t.is(live.current, before);
  t.regex(lines.join(''), /it stays as it was/);
  t.regex(lines.join(''), /config\.yaml:2:1 metadtaTtl: expected .*nearest: metadataTtl/);
  await change('metadataTtl: 3s\n');
  t.is(live.current.options.metadataTtl, 3_000);
  t.is(live.report.error, undefined);
});

test('sources use the rules and the policy of the last reload', async (t) => {
  const server = await startFaultServer(t, (_, response) => response.end('x'));
  const rule = (token: string): string =>
    `sources:\n- match: { scheme: http }\n  credentials: { token: ${token} }\n  proxy: direct\n`;
  const { live, change } = await start(t, `timeout: 3s\nretries: 0\n${rule('first')}`);
  const { clientFor, credentialsFor, close } = composeSources(live, pino({ level: 'silent' }));
  t.teardown(close);
  const read = async (): Promise<void> => {
    const client = await clientFor(server.origin);
    (await client.getMetadata(new Request(`${server.origin}/x`))).response?.cancel();
  };
  await read();
  const before = credentialsFor(`${server.origin}/x`);
  await change(`timeout: 3s\nretries: 0\n${rule('second')}`);
  await read();
  t.not(credentialsFor(`${server.origin}/x`), before, 'what was stored with the other token is not used');
  t.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    ['Bearer first', 'Bearer second'],
  );
  await change(`policy: { deny: [{ host: "${new URL(server.origin).host}" }] }`);
  await t.throwsAsync(read(), {
    code: 'ADDRESS_REFUSED',
    message: /refused by policy\.deny, .*config\.yaml:1/,
  });
});
