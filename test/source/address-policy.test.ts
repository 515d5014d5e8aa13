import test, { type ExecutionContext } from 'ava';

import { addressPolicy, isCidr } from '../../src/source/address-policy.js';
import { createConnect } from '../../src/source/http/connect.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { type Addresses, NameResolver } from '../../src/source/http/name-resolver.js';
import { Request, type SourceError } from '../../src/source/index.js';
import { startFaultServer } from '../support/fault-server.js';

const PRIVATE = addressPolicy({ isShared: false, allowed: [] });
const SHARED = addressPolicy({ isShared: true, allowed: [] });

const REFUSED_ALWAYS = [
  ['169.254.169.254', 'a cloud metadata address'],
  ['fd00:ec2::254', 'a cloud metadata address'],
  ['fd00:ec2::23', 'a cloud metadata address'],
  ['100.100.100.200', 'a cloud metadata address'],
  ['168.63.129.16', 'a cloud metadata address'],
  ['169.254.0.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['febf:ffff::1', 'link-local'],
  // What is taken for an IPv4 address on the way: mapped, compatible, translated, NAT64, 6to4, Teredo.
  ['::ffff:169.254.169.254', 'a cloud metadata address'],
  ['::ffff:a9fe:a9fe', 'a cloud metadata address'],
  ['0:0:0:0:0:FFFF:A9FE:1', 'link-local'],
  ['::169.254.1.1', 'link-local'],
  ['::ffff:0:169.254.1.1', 'link-local'],
  ['64:ff9b::169.254.169.254', 'a cloud metadata address'],
  ['64:ff9b:1::169.254.1.1', 'link-local'],
  // The layouts of RFC 6052, 2.2 for /48, /56 and /64.
  ['64:ff9b:1:a9fe:a9:fe00::', 'a cloud metadata address'],
  ['64:ff9b:1:12a9:fe:a9fe::', 'a cloud metadata address'],
  ['64:ff9b:1:1234:a9:fea9:fe00::', 'a cloud metadata address'],
  ['2002:a9fe:a9fe::1', 'a cloud metadata address'],
  ['2001:0:4136:e378:8000:63bf:5601:5601', 'a cloud metadata address'],
] as const;

const REFUSED_IF_SHARED = [
  ['127.0.0.1', 'loopback'],
  ['127.255.0.1', 'loopback'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['::', 'unspecified'],
  ['::ffff:0.0.0.0', 'unspecified'],
  ['10.1.2.3', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['100.64.0.1', 'private'],
  ['fd12::1', 'private'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['64:ff9b:1::', 'unspecified'],
  ['64:ff9b:1:a00:0:100::', 'private'],
  ['2002:c0a8:1::', 'private'],
] as const;

// S71
test('the table of addresses: what is refused always, and what on a mount that others can read', (t) => {
  for (const [address, rule] of REFUSED_ALWAYS) {
    t.is(PRIVATE(address), rule, address);
    t.is(SHARED(address), rule, address);
  }
  for (const [address, rule] of REFUSED_IF_SHARED) {
    t.is(PRIVATE(address), undefined, address);
    t.is(SHARED(address), rule, address);
  }
  const open = [
    '93.184.216.34',
    '172.32.0.1',
    '100.128.0.1',
    '2606:2800:220:1::1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::8.8.8.8',
    '64:ff9b:1:808:8:800::',
    '2002:808:808::1',
  ];
  for (const address of open) t.is(SHARED(address), undefined, address);
  t.is(PRIVATE('no address'), 'not an address');
});

// S73
test('what --allow-address names is allowed, and nothing beside it', (t) => {
  const policy = addressPolicy({ isShared: true, allowed: ['127.0.0.0/8', '169.254.169.254', 'fd00::/8'] });
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '169.254.169.254', 'fd00:ec2::254']) {
    t.is(policy(address), undefined, address);
  }
  for (const address of ['::1', '169.254.169.253', '10.0.0.1', 'fc00::1']) t.truthy(policy(address), address);
  for (const text of ['10.0.0.0/8', '::1', '1.2.3.4', '::/0']) t.true(isCidr(text), text);
  for (const text of ['', 'host', '10.0.0.0/33', '::/129', '1.2.3.4/', '1.2.3.4/8/8', '10/8'])
    t.false(isCidr(text), text);
});

function client(
  t: ExecutionContext,
  isShared: boolean,
  ...allowed: string[]
): ReturnType<typeof createHttpClient> {
  const http = createHttpClient({
    timeoutMs: 3_000,
    retries: 0,
    addressPolicy: addressPolicy({ isShared, allowed }),
  });
  t.teardown(() => http.close());
  return http;
}

async function refusal(t: ExecutionContext, work: Promise<unknown>): Promise<SourceError> {
  const error = (await t.throwsAsync(work)) as SourceError;
  t.is(error.code, 'ADDRESS_REFUSED', error.message);
  return error;
}

// S72
test('every way to write an address is refused, and the message names address, rule and option', async (t) => {
  const http = client(t, false);
  const hosts = [
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '169.254.43518',
    '169.254.169.254.',
  ];
  for (const host of [...hosts, '[::ffff:169.254.169.254]', '[64:ff9b::a9fe:a9fe]']) {
    const error = await refusal(t, http.getMetadata(new Request(`http://${host}/latest/meta-data/`)));
    t.regex(error.message, /is refused: a cloud metadata address/, host);
    t.regex(error.expected ?? '', /--allow-address/);
  }
});

// S71
test('names and redirects that lead to loopback are refused on a shared mount, unless allowed', async (t) => {
  const target = await startFaultServer(t, (_, response) => response.end('secret'));
  const server = await startFaultServer(t, (_, response) =>
    response.writeHead(302, { location: target.origin.replace('127.0.0.1', '127.0.0.2') }).end(),
  );
  const { port } = new URL(server.origin);
  await refusal(t, client(t, true).getMetadata(new Request(`http://localhost:${port}/`)));
  await refusal(t, client(t, true).getMetadata(new Request(server.origin)));
  t.is(server.requests.length, 0);
  await refusal(t, client(t, true, '127.0.0.1').getMetadata(new Request(server.origin)));
  t.is(server.requests.length, 1);
  t.is(target.requests.length, 0);
});

// S72
test('of the addresses of a name only those that may be connected to are', async (t) => {
  const server = await startFaultServer(t, (_, response) => response.end('x'));
  const { port } = new URL(server.origin);
  let answer: Addresses = [];
  let lookups = 0;
  const resolver = new NameResolver({
    inPool: () => {
      lookups += 1;
      return Promise.resolve(answer);
    },
    outside: () => undefined,
    close: () => undefined,
  });
  const policy = addressPolicy({ isShared: true, allowed: ['127.0.0.1'] });
  const http = createHttpClient({
    timeoutMs: 3_000,
    retries: 0,
    connect: createConnect({ ca: undefined, resolver, addressPolicy: policy }),
  });
  t.teardown(() => http.close());
  answer = [
    { address: '10.0.0.1', family: 4 },
    { address: '169.254.169.254', family: 4 },
  ];
  await refusal(t, http.getMetadata(new Request(`http://all-bad.test:${port}/`)));
  answer = [{ address: 'fe80::1%lo', family: 6 }, ...answer, { address: '127.0.0.1', family: 4 }];
  const metadata = await http.getMetadata(new Request(`http://one-good.test:${port}/f`));
  metadata.response?.cancel();
  // The address that was checked is the one that was connected to: nothing was asked a second time.
  t.is(lookups, 2);
  t.is(server.requests.length, 1);
});

// S72 S73
test('what an IPv6 address stands for is allowed by a CIDR of either', (t) => {
  const address = '64:ff9b::10.0.0.1';
  t.is(SHARED(address), 'private');
  for (const [allowed, rule] of [
    ['64:ff9b::/96', undefined],
    ['10.0.0.0/8', undefined],
    ['10.0.0.1/32', undefined],
    ['10.0.0.1', undefined],
    ['10.0.0.2', 'private'],
    ['64:ff9b::a00:2/128', 'private'],
  ] as const) {
    t.true(isCidr(allowed), allowed);
    t.is(addressPolicy({ isShared: true, allowed: [allowed] })(address), rule, allowed);
  }
});
