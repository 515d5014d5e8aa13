/** What dfdaemon gets of credentials: nothing, unless a rule names those who may share what they let read. */
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import type { P2pRule } from '../../src/source/p2p/p2p-settings.js';
import { BucketAccess } from '../../src/source/schemes/bucket/bucket-access.js';
import { createBucketClient } from '../../src/source/schemes/bucket/bucket-client.js';
import { Request } from '../../src/source/request.js';
import { createBlobSource } from '../../src/source/schemes/blob/create-blob-source.js';
import { createHub } from '../../src/source/schemes/hub/create-hub.js';
import type { AbsSettings, HubSettings } from '../../src/source/settings.js';
import { startBlobServer } from '../servers/blob/blob-server.js';
import { startBucketServer, type Vendor } from '../servers/bucket/bucket-server.js';
import { startHub } from '../servers/hub.js';
import { fixed } from '../support/bucket-client.js';
import { type ClusterNode, contentOf, MIB, serveFile, stamped, startNode } from './support.js';

// S167
const SECRETS = ['secret', 'hf_test', 'ya29.test'];
const CONTENT = stamped(17 * MIB, 3);

/** All that dfdaemon saw, as it would log it. */
function logOf({ dfdaemon }: ClusterNode): string {
  return JSON.stringify(dfdaemon.requests.map(({ url, header }) => [url, header]));
}

function isKept(t: ExecutionContext, node: ClusterNode): void {
  for (const secret of SECRETS) t.false(logOf(node).includes(secret), secret);
}

for (const [what, rule] of Object.entries({
  'no rule shares': {},
  'a team shares': { shareScope: 'team' },
})) {
  const isShared = 'shareScope' in rule;

  test.serial(`${what} what a password lets read`, async (t) => {
    const { url, content } = await serveFile(t);
    const profile = { authorizer: { authorize: () => ({ header: { authorization: 'Basic secret' } }) } };
    const node = await startNode(t, { profile, ruleFor: () => ({ p2p: true, ...rule }) });
    t.true((await contentOf(node, url)).equals(content));
    if (isShared)
      t.is(node.dfdaemon.requests[0]?.header.authorization, 'Basic secret', 'docs/P2P.md says so');
    else t.is(node.dfdaemon.requests.length, 0);
  });

  for (const vendor of ['s3', 'gs'] as const) {
    test.serial(`${what} what keys of ${vendor} let read, by a signed URL`, async (t) => {
      const node = await startBucketNode(t, vendor, { p2p: true, ...rule });
      t.true((await contentOf(node, `${vendor}://bucket/dir/a%20b.bin`)).equals(CONTENT));
      t.is(node.dfdaemon.requests.length, isShared ? 1 : 0);
      if (isShared) t.like(node.peers.report, { requests: { ok: 1 } });
      isKept(t, node);
    });
  }

  for (const kind of ['key', 'sas'] as const) {
    test.serial(`${what} what a ${kind} of abs lets read, by a signed URL`, async (t) => {
      const node = await startBlobNode(t, kind, { p2p: true, ...rule });
      t.true((await contentOf(node, 'abs://container/dir/a%20b.bin')).equals(CONTENT));
      t.is(node.dfdaemon.requests.length, isShared ? 1 : 0);
      if (isShared) t.like(node.peers.report, { requests: { ok: 1 } });
      isKept(t, node);
    });
  }

  test.serial(`${what} what a token of a hub lets read, by the URL behind it`, async (t) => {
    const settings = { credentials: { kind: 'token', token: literalSecret('hf_test') } } as const;
    const node = await startHubNode(t, settings, { p2p: true, ...rule });
    t.true((await contentOf(node, 'hf://owner/model/model.bin')).equals(CONTENT));
    t.is(node.dfdaemon.requests.length, isShared ? 1 : 0);
    isKept(t, node);
  });
}

test.serial('what a hub shows everyone is shared by the URL behind it, without a condition', async (t) => {
  const node = await startHubNode(t, { credentials: { kind: 'anonymous' } }, { p2p: true });
  t.true((await contentOf(node, 'hf://owner/model/model.bin')).equals(CONTENT));
  const [request] = node.dfdaemon.requests;
  t.is(new URL(request?.url ?? '').host, node.cdnHost);
  t.false('if-match' in (request?.header ?? {}));
  t.like(node.peers.report, { requests: { ok: 1 } });
});

test.serial('headers of a rule, a signed URL and a certificate of ours are credentials', async (t) => {
  const { url, content } = await serveFile(t);
  const rules: Record<
    string,
    ReturnType<NonNullable<Parameters<typeof startNode>[1]>['ruleFor'] & object>
  > = {
    headers: { p2p: true, headers: { 'x-team': literalSecret('secret') } },
    certificate: { p2p: true, tls: { cert: '/cert.pem' }, shareScope: 'team' },
  };
  for (const [name, rule] of Object.entries(rules)) {
    const node = await startNode(t, { ruleFor: () => rule });
    t.true((await contentOf(node, url)).equals(content));
    t.is(node.dfdaemon.requests.length, 0, name);
  }
  const node = await startNode(t);
  const { etag = '', contentLength } = await node.client.getMetadata(new Request(url));
  const pin = { etag, contentLength };
  const header = { 'x-token': 'secret' };
  t.is(await node.client.downloadShared?.(new Request(url, { pin, header })), undefined);
  const shared = await node.client.downloadShared?.(new Request(url, { pin }));
  t.not(shared, undefined);
  shared?.cancel();
  isKept(t, node);
  const signed = `${url}?X-Amz-Credential=c&X-Amz-Signature=secret`;
  t.true((await contentOf(node, signed)).equals(content));
  t.is(node.dfdaemon.requests.length, 1);
});

async function startBucketNode(t: ExecutionContext, vendor: Vendor, rule: P2pRule): Promise<ClusterNode> {
  const server = await startBucketServer(t, vendor);
  server.put('bucket', 'dir/a b.bin', CONTENT);
  const settings = { endpoint: new URL(server.origin) };
  const { accessKeyId, accessKeySecret } = server;
  const access = new BucketAccess(vendor, settings, fixed({ accessKeyId, accessKeySecret }));
  const accessFor = (): Promise<BucketAccess> => Promise.resolve(access);
  const log = pino({ enabled: false });
  return await startNode(t, {
    ruleFor: () => rule,
    clientOf: (engine, peers) => createBucketClient({ engine, log, accessFor, peers }),
  });
}

async function startBlobNode(t: ExecutionContext, kind: 'key' | 'sas', rule: P2pRule): Promise<ClusterNode> {
  const server = await startBlobServer(t);
  server.put('container', 'dir/a b.bin', CONTENT);
  const [key, sas] = [literalSecret(server.key), literalSecret(server.sas('container'))];
  const settings: AbsSettings = {
    endpoint: new URL(server.origin),
    account: server.account,
    credentials: kind === 'key' ? { kind, key } : { kind, sas },
  };
  const common = { scheme: 'abs', settingsFor: () => settings, log: pino({ enabled: false }) };
  return await startNode(t, {
    ruleFor: () => rule,
    clientOf: (engine, peers) => createBlobSource({ ...common, engine, peers, timeoutMs: 5_000, retries: 1 }),
  });
}

async function startHubNode(
  t: ExecutionContext,
  settings: HubSettings,
  rule: P2pRule,
): Promise<ClusterNode & { readonly cdnHost: string }> {
  const hub = await startHub(t);
  hub.commit(hub.repository('models', 'owner/model'), { 'model.bin': CONTENT });
  const all = { ...settings, baseUrl: new URL(hub.origin) };
  const common = { scheme: 'hf', settingsFor: () => all, log: pino({ enabled: false }) };
  const node = await startNode(t, {
    ruleFor: () => rule,
    clientOf: (engine, peers) => createHub({ ...common, engine, peers, timeoutMs: 5_000, retries: 1 }),
  });
  return { ...node, cdnHost: new URL(hub.cdn.origin).host };
}
