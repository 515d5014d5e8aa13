/** What commander parses the values of options with. */
import { InvalidArgumentError } from 'commander';

import { isCidr } from '../src/source/address-policy.js';
import type { HeaderOption } from './origin-headers.js';
import type { PluginOptionValue } from './plugin-options.js';

const EXPECTED_HEADER = "expected 'https://host[:port]: Name: value', or http:// to send it in the clear";

/** `[scheme://]host[:port]: Name: value`; a host without a scheme means https, whatever its port. */
export function collectHeader(text: string, before: readonly HeaderOption[]): HeaderOption[] {
  // The host may have a port, so the name begins after a colon and a space.
  const match = /^(\S+?)\/?:\s+([!#$%&'*+\-.^_`|~0-9A-Za-z]+):\s*(.*)$/.exec(text);
  const [, host = '', name = '', value = ''] = match ?? [];
  const origin = originOf(host);
  if (origin === undefined) throw new InvalidArgumentError(EXPECTED_HEADER);
  return [...before, { origin, name, value }];
}

function originOf(text: string): string | undefined {
  const [, scheme = 'https', host = ''] = /^(?:(https?):\/\/)?([^/?#@\\]+)$/i.exec(text) ?? [];
  const url = `${scheme}://${host}`;
  return host !== '' && URL.canParse(url) ? new URL(url).origin : undefined;
}

/** `NAME.KEY=VALUE`. */
export function collectPluginOption(text: string, before: readonly PluginOptionValue[]): PluginOptionValue[] {
  const match = /^([a-z][a-z0-9]*)\.([^=]+)=(.*)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new InvalidArgumentError("expected 'NAME.KEY=VALUE'");
  }
  return [...before, { name: match[1], key: match[2], value: match[3] ?? '' }];
}

export function collectCidr(text: string, before: readonly string[]): string[] {
  if (!isCidr(text)) throw new InvalidArgumentError('expected addresses such as 10.0.0.0/8 or fd00::/8');
  return [...before, text];
}
