/** What a registry answers, checked. */
import { hash } from 'node:crypto';

import { ProtocolError } from '../../errors.js';
import { nextLink } from '../../http/next-link.js';
import { isDigest } from './oras-name.js';

/** The digest of a manifest, which is that of its bytes, and that which was requested. */
export function checkedDigest(text: string, reference: string, said: string | null, url: URL): string {
  const expected = [reference, said ?? ''].filter(isDigest);
  for (const digest of expected) {
    const found = digestOf(text, digest.startsWith('sha512:') ? 'sha512' : 'sha256');
    if (found !== digest)
      throw new ProtocolError('the manifest is another one', url, { expected: digest, found });
  }
  return expected[0] ?? digestOf(text, 'sha256');
}

function digestOf(text: string, algorithm: 'sha256' | 'sha512'): string {
  return `${algorithm}:${hash(algorithm, text, 'hex')}`;
}

/** Of a page of tags or repositories. */
export function namesOf(text: string, member: string, url: URL): readonly string[] {
  let names: unknown;
  try {
    names = ((JSON.parse(text) ?? {}) as Record<string, unknown>)[member] ?? [];
  } catch {
    names = undefined;
  }
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw new ProtocolError('the registry answers otherwise than it documents', url, {
    expected: `JSON with a list of ${member}`,
    found: 'another text',
  });
}

/** By the link of RFC 8288, and only at the registry, whose token goes with it. */
export function nextPage(link: string | null, current: URL, base: URL, url: URL): URL | undefined {
  const target = nextLink(link);
  if (target === undefined) return undefined;
  const next = URL.canParse(target, current.href) ? new URL(target, current) : undefined;
  if (next?.href.startsWith(base.href) === true && next.href !== current.href) return next;
  throw new ProtocolError('a listing continues elsewhere', url, {
    expected: `another page at ${base.origin}`,
    found: next?.origin ?? 'no URL',
  });
}
