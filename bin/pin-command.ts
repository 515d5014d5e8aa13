/** `d7y-mount pin` and `d7y-mount unpin`. */
import process from 'node:process';

import { safeLines } from '../src/source/safe-text.js';
import { byteAmount } from './byte-amount.js';
import { CommandFailure, EXIT } from './command-failure.js';
import type { GivenOptions } from './config/options.js';
import { urlsByMount } from './content-command.js';
import { call, reachMount } from './reach-mount.js';

export interface PinCommandOptions {
  readonly json: boolean;
  readonly mountpoint?: string;
  readonly recursive: boolean;
}

/** The source is queried for what is pinned. */
const LIMIT_MS = 600_000;

interface ShownPin {
  readonly url: string;
  readonly recursive: boolean;
  /** Null: another process knows. */
  readonly files: number | null;
  readonly bytes: number | null;
}

/** Without paths it lists pins. Resolves to the exit code. */
export async function pin(
  paths: readonly string[],
  own: PinCommandOptions,
  options: GivenOptions,
): Promise<number> {
  const { json, mountpoint } = own;
  if (paths.length === 0) {
    const { value } = await call(await reachMount(mountpoint), 'GET', '/v1/pins', { limitMs: LIMIT_MS });
    show(
      (value as { pins: ShownPin[] }).pins,
      json,
      (one) => `${one.url}${one.recursive ? '/…' : ''}  ${stored(one)}`,
    );
    return 0;
  }
  show(
    await pinUrls(paths, own, options),
    json,
    (one) => `pinned: ${one.url}${one.recursive ? ', with all below it' : ''}; ${stored(one)}`,
  );
  return 0;
}

/** Resolves to the pins. */
export async function pinUrls(
  paths: readonly string[],
  { mountpoint, recursive }: Pick<PinCommandOptions, 'mountpoint' | 'recursive'>,
  options: GivenOptions,
): Promise<readonly ShownPin[]> {
  const pins: ShownPin[] = [];
  for (const [of, urls] of await urlsByMount(paths, mountpoint, options)) {
    pins.push(...(await change('pin', of, urls, recursive)));
  }
  return pins;
}

/** What is no pin is a failure. */
export async function unpin(
  paths: readonly string[],
  { json, mountpoint, recursive }: PinCommandOptions,
  options: GivenOptions,
): Promise<number> {
  let exitCode = 0;
  for (const [of, urls] of await urlsByMount(paths, mountpoint, options)) {
    const pins = await change('unpin', of, urls, recursive);
    show(pins, json, ({ url }) => `unpinned: ${url}`);
    const missing = recursive ? [] : urls.filter((url) => pins.every((one) => one.url !== url));
    for (const url of missing) process.stderr.write(`d7y-mount: ${safeLines(url)} is not pinned\n`);
    if (recursive && pins.length === 0)
      process.stderr.write(`d7y-mount: nothing is pinned at or below ${safeLines(urls.join(', '))}\n`);
    if (missing.length > 0 || pins.length === 0) exitCode = EXIT.failure;
  }
  return exitCode;
}

async function change(
  name: 'pin' | 'unpin',
  of: string | undefined,
  urls: readonly string[],
  recursive: boolean,
): Promise<readonly ShownPin[]> {
  const wide = urls.find((url) => !url.includes('://'));
  if (wide !== undefined) throw new CommandFailure(EXIT.usage, 'a pin is of a URL: name a host at least');
  const { value } = await call(await reachMount(of), 'POST', `/v1/${name}`, {
    body: { urls, recursive },
    limitMs: LIMIT_MS,
  });
  return (value as { pins: ShownPin[] }).pins;
}

function show(pins: readonly ShownPin[], json: boolean, line: (pin: ShownPin) => string): void {
  for (const one of pins)
    process.stdout.write(json ? `${JSON.stringify(one)}\n` : `${safeLines(line(one))}\n`);
}

function stored({ files, bytes }: ShownPin): string {
  if (files === null || bytes === null)
    return 'the process that writes the cache directory knows what is there';
  return files === 0
    ? 'nothing of it is cached yet'
    : `${files} ${files === 1 ? 'file' : 'files'}, ${byteAmount(bytes)} cached`;
}
