/**
 * Which addresses may be connected to. It applies to addresses, not names: to each that a name resolved to,
 * right before a connection to it is made.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';

import { SourceError } from './errors.js';

interface AddressRule {
  readonly name: string;
  /** Whether it holds only where others than who mounts can read (`--allow-other`). */
  readonly isForShared: boolean;
  readonly cidrs: readonly string[];
}

const RULES: readonly AddressRule[] = [
  {
    // AWS in IPv6 (all of its services for an instance), Oracle, Google in IPv6, Alibaba, Azure's wire server, Oracle's old one; all others are link-local.
    name: 'a cloud metadata address',
    isForShared: false,
    cidrs: [
      '169.254.169.254/32',
      'fd00:ec2::/32',
      'fd00:c1::a9fe:a9fe/128',
      'fd20:ce::254/128',
      '100.100.100.200/32',
      '168.63.129.16/32',
      '192.0.0.192/32',
    ],
  },
  { name: 'link-local', isForShared: false, cidrs: ['169.254.0.0/16', 'fe80::/10'] },
  { name: 'loopback', isForShared: true, cidrs: ['127.0.0.0/8', '::1/128'] },
  { name: 'unspecified', isForShared: true, cidrs: ['0.0.0.0/8', '::/128'] },
  {
    name: 'private',
    isForShared: true,
    cidrs: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10'],
  },
];

/**
 * The rule that refuses a connection to an address of the URL's host; undefined: it may be made. An address that is undefined
 * is known only to a proxy.
 */
export type AddressPolicy = (address: string | undefined, url: URL) => string | undefined;

/** `isShared`: others than who mounts can read. `allowed`: CIDRs that no rule refuses. */
export function addressPolicy({
  isShared,
  allowed,
}: {
  readonly isShared: boolean;
  readonly allowed: readonly string[];
}): (address: string | undefined) => string | undefined {
  const allowedList = listOf(allowed);
  const rules = RULES.filter(({ isForShared }) => isShared || !isForShared).map(({ name, cidrs }) => ({
    name,
    list: listOf(cidrs),
  }));
  return (scoped) => {
    if (scoped === undefined) return undefined;
    const address = withoutZone(scoped);
    if (isIP(address) === 0) return 'not an address';
    if (isListed(allowedList, address)) return undefined;
    for (const meant of [address, ...embeddedIPv4(address)]) {
      if (isListed(allowedList, meant)) continue;
      const rule = rules.find(({ list }) => isListed(list, meant));
      if (rule !== undefined) return rule.name;
    }
    return undefined;
  };
}

/** Whether an address, or the IPv4 address that it stands for, is in one of the CIDRs. */
export function addressMatcher(cidrs: readonly string[]): (address: string) => boolean {
  const list = listOf(cidrs);
  return (scoped) => {
    const address = withoutZone(scoped);
    return isIP(address) !== 0 && [address, ...embeddedIPv4(address)].some((meant) => isListed(list, meant));
  };
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '');
}

/** A rule of the mount refuses the address of a name or of a redirect. */
export class AddressRefusedError extends SourceError {
  override readonly name = 'AddressRefusedError';
  constructor(url: URL, address: string, rule: string) {
    super('ADDRESS_REFUSED', `${address} is refused: ${rule}`, url, {
      expected: rule.startsWith('policy.')
        ? 'an address that no rule of the policy refuses'
        : `an address that is not ${rule}, or --allow-address ${address}`,
      found: address,
    });
  }
}

/** Whether it is an address, with or without the length of a prefix. */
export function isCidr(text: string): boolean {
  const [address = '', prefix = '0', ...rest] = text.split('/');
  const bits = isIPv4(address) ? 32 : 128;
  return isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}

function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/');
    const family = familyOf(address);
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function isListed(list: BlockList, address: string): boolean {
  return list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** The IPv4 addresses that a host or a gateway on the way takes an IPv6 address for. */
function embeddedIPv4(address: string): string[] {
  if (isIPv4(address)) return [];
  const groups = groupsOf(address);
  const head = groups.slice(0, 6).join(':');
  const [, first = 0, second = 0] = groups;
  const [sixth = 0, seventh = 0] = groups.slice(6);
  if (head.startsWith('100:65435:1:')) return localNat64(groups);
  // Mapped, compatible, translated (RFC 2765), and NAT64 (RFC 6052).
  const isInTail = /^0:0:0:0:(0:0|0:65535|65535:0)$/.test(head) || head === '100:65435:0:0:0:0';
  if (isInTail) return [ipv4Of(sixth, seventh)];
  // 6to4 (RFC 3056), and Teredo (RFC 4380), which turns the bits over.
  if (groups[0] === 0x2002) return [ipv4Of(first, second)];
  if (groups[0] === 0x2001 && first === 0) return [ipv4Of(sixth ^ 0xffff, seventh ^ 0xffff)];
  return [];
}

/**
 * In the prefix for local use (RFC 8215) the network may have set up any of four layouts (RFC 6052, 2.2), which the
 * address does not show. What would lie in 0.0.0.0/8 is the zeros of another layout, unless there is nothing else.
 */
function localNat64(groups: readonly number[]): string[] {
  const octets = groups.flatMap((group) => [group >> 8, group & 0xff]);
  const layouts = [
    [6, 7, 9, 10],
    [7, 9, 10, 11],
    [9, 10, 11, 12],
    [12, 13, 14, 15],
  ].map((places) => places.map((place) => octets[place] ?? 0).join('.'));
  const meant = layouts.filter((address) => !address.startsWith('0.'));
  return meant.length > 0 ? meant : layouts;
}

function ipv4Of(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** The eight groups. The URL parser knows all ways to write them. */
function groupsOf(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = '', after] = canonical.split('::');
  const parse = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
  const [left, right] = [parse(before), parse(after ?? '')];
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}
