import test from 'ava';

import { accessPolicy, type AccessPolicyOptions } from '../../src/source/access-policy.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import type { PolicyRule } from '../../src/source/policy-rule.js';
import { Request } from '../../src/source/request.js';
import type { SourceRule } from '../../src/source/source-rules.js';
import { startFaultServer } from '../support/fault-server.js';

type Refusals = (url: string, address?: string) => string | undefined;

function policy(given: {
  isShared?: boolean;
  allow?: readonly Partial<PolicyRule>[];
  deny?: readonly Partial<PolicyRule>[];
  rules?: readonly Omit<SourceRule, 'origin'>[];
}): Refusals {
  const placed = (rules: readonly Partial<PolicyRule>[] = []): PolicyRule[] =>
    rules.map((rule, i) => ({ ...rule, origin: `file:${i + 1}` }));
  const options: AccessPolicyOptions = {
    isShared: given.isShared ?? false,
    allowed: [],
    policy: { allow: placed(given.allow), deny: placed(given.deny) },
    rules: (given.rules ?? []).map((rule) => ({ ...rule, origin: 'rule' })),
  };
  const refuses = accessPolicy(options);
  return (url, address) => refuses(address, new URL(url));
}

const METADATA = 'a cloud metadata address';

test('a rule of deny refuses what has all that it names, and its place is the reason', (t) => {
  const refuses = policy({
    deny: [
      { addresses: ['10.0.0.0/8', '::1'] },
      { scheme: 'http', host: '*.example' },
      { scheme: 'https', host: 'one.example', addresses: ['192.0.2.0/24'] },
    ],
    allow: [{ addresses: ['0.0.0.0/0'] }],
  });
  t.is(refuses('https://x/', '10.1.2.3'), 'policy.deny, file:1');
  t.is(refuses('https://x/', '::ffff:10.1.2.3'), 'policy.deny, file:1', 'what an IPv6 address stands for');
  t.is(refuses('http://a.example/', '192.0.2.1'), 'policy.deny, file:2');
  t.is(refuses('http://a.example/'), 'policy.deny, file:2', 'before the name is resolved');
  t.is(refuses('https://a.example/', '192.0.2.1'), undefined);
  t.is(refuses('https://one.example/', '192.0.2.1'), 'policy.deny, file:3');
  t.is(refuses('https://one.example/', '203.0.113.1'), undefined);
  t.is(refuses('https://one.example/'), undefined);
});

test('a host is denied on every port, unless one is given, and with a dot at its end', (t) => {
  const refuses = policy({
    deny: [{ host: 'one.example' }, { host: '*.two.example' }, { host: 'three.example:8080' }],
  });
  for (const denied of [
    'one.example',
    'one.example:8080',
    'one.example.',
    'ONE.example.:81',
    'a.two.example.:1',
    'three.example:8080',
  ]) {
    t.truthy(refuses(`http://${denied}/`, '192.0.2.1'), denied);
  }
  for (const other of ['three.example', 'two.example', 'x.one.example']) {
    t.is(refuses(`http://${other}/`, '192.0.2.1'), undefined, other);
  }
});

test('a rule of allow with an address lifts every default rule, and one with a host those for shared mounts', (t) => {
  const refuses = policy({
    isShared: true,
    allow: [
      { host: 'meta.internal', addresses: ['169.254.169.254'] },
      { host: 'files.internal:8080' },
      { host: '*.lan' },
    ],
  });
  t.is(refuses('http://meta.internal/', '169.254.169.254'), undefined);
  t.is(refuses('http://other.internal/', '169.254.169.254'), METADATA);
  t.is(refuses('http://files.internal:8080/', '10.0.0.1'), undefined);
  t.is(refuses('http://files.internal/', '10.0.0.1'), 'private');
  t.is(refuses('https://x.lan/', '127.0.0.1'), undefined);
  t.is(refuses('https://x.lan/', '169.254.169.254'), METADATA, 'a name alone is not enough');
});

test('on a shared mount a host that a rule for sources names may be private', (t) => {
  const refuses = policy({
    isShared: true,
    rules: [
      { match: { schemes: ['https'], host: 'files.internal' }, settings: {} },
      { match: { schemes: ['http'], host: '*' }, settings: {} },
      { match: { schemes: ['s3'] }, settings: { endpoint: new URL('http://127.0.0.1:9000') } },
    ],
  });
  t.is(refuses('https://files.internal/', '10.0.0.1'), undefined);
  t.is(refuses('http://files.internal/', '10.0.0.1'), 'private', 'another scheme');
  t.is(refuses('http://other/', '10.0.0.1'), 'private', '* names no host');
  t.is(refuses('http://127.0.0.1:9000/', '127.0.0.1'), undefined);
  t.is(refuses('http://127.0.0.1:9001/', '127.0.0.1'), 'loopback');
});

test('a rule is applied after each redirect, and where a proxy resolves the name', async (t) => {
  const target = await startFaultServer(t, (_, response) => response.end('secret'));
  const { port } = new URL(target.origin);
  const location = `http://denied.localhost:${port}/`;
  const server = await startFaultServer(t, (_, response) => response.writeHead(302, { location }).end());
  const deny = [{ host: '*denied.localhost*', origin: 'config.yaml:7' }];
  const addressPolicy = accessPolicy({
    isShared: false,
    allowed: [],
    policy: { allow: [], deny },
    rules: [],
  });
  const options = { timeoutMs: 3_000, retries: 0, addressPolicy };
  for (const proxyFor of [() => '', () => target.origin]) {
    const http = createHttpClient({ ...options, proxyFor });
    t.teardown(() => http.close());
    const first = proxyFor() === '' ? server.origin : location;
    const error = await t.throwsAsync(http.getMetadata(new Request(first)), { code: 'ADDRESS_REFUSED' });
    t.regex(error.message, /denied\.localhost is refused: policy\.deny, config\.yaml:7/);
  }
  t.is(target.requests.length, 0);
});
