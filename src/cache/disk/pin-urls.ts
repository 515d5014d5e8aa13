import type { Pin, PinReport } from './disk-cache.js';
import { chargeOf, filesBytes } from './geometry.js';
import { PinError } from './pin-error.js';
import type { StoreContext, Writer } from './store-context.js';

/** Each is a file. More URLs are better pinned by a directory above them. */
const MAX_PINS = 10_000;

interface Stored {
  readonly names: readonly string[];
  readonly bytes: number;
}

/** A file of a pin has room for it. */
const MAX_URL_CHARS = 10_000;

/** Pins URLs, unless they would take more than may be stored: then rejects with a `PinError`. */
export async function pinUrls(context: StoreContext, given: readonly Pin[]): Promise<readonly PinReport[]> {
  const { pins, options } = context;
  await pins.refresh();
  if (pins.all.length + given.length > MAX_PINS) {
    throw new PinError(`there may be ${MAX_PINS} pins; pin a directory above them recursively`);
  }
  if (given.some(({ url }) => url.length > MAX_URL_CHARS))
    throw new PinError(`a URL that is pinned has at most ${MAX_URL_CHARS} characters`);
  const writer = await readyWriter(context);
  const stored = writer === undefined ? undefined : await storedOf(context, writer, given);
  await writer?.catalog.space.refresh();
  const capacityBytes = writer?.catalog.space.capacityBytes ?? options.limitBytes;
  await checkRoom(context, writer, given, stored, capacityBytes);
  for (const pin of given) await pins.add(pin);
  void writer?.catalog.refreshPins();
  return given.map((pin) => reportOf(pin, stored?.get(pin)));
}

/** All pins, and what is stored of each. */
export async function listPins(context: StoreContext): Promise<readonly PinReport[]> {
  await context.pins.refresh();
  const { all } = context.pins;
  const writer = await readyWriter(context);
  const stored = writer === undefined ? undefined : await storedOf(context, writer, all);
  return all.map((pin) => reportOf(pin, stored?.get(pin)));
}

async function readyWriter({ writer, isClosing }: StoreContext): Promise<Writer | undefined> {
  return writer !== undefined && !isClosing && (await writer.catalog.ready) ? writer : undefined;
}

function reportOf(pin: Pin, stored: Stored | undefined): PinReport {
  return { ...pin, files: stored?.names.length, bytes: stored?.bytes };
}

async function checkRoom(
  { pins, options, resourceOf }: StoreContext,
  writer: Writer | undefined,
  given: readonly Pin[],
  stored: ReadonlyMap<Pin, Stored> | undefined,
  capacityBytes: number,
): Promise<void> {
  const { blockBytes } = options;
  const givenUrls = new Set(given.map(({ url }) => url));
  const promised = [...pins.all.filter(({ url }) => !givenUrls.has(url)), ...given];
  // What is not stored yet, of those whose size is known.
  const missingBytes = promised.reduce((sum, { url, sizeBytes = 0 }) => {
    const resource = resourceOf(url);
    const names = resource === undefined ? [] : (writer?.catalog.entriesOf(resource) ?? []);
    const hereBytes = names.reduce((bytes, name) => bytes + (writer?.catalog.bytesOf(name) ?? 0), 0);
    const bytes = sizeBytes === 0 ? 0 : chargeOf(filesBytes(sizeBytes, blockBytes), blockBytes);
    return sum + Math.max(0, bytes - hereBytes);
  }, 0);
  await writer?.catalog.refreshPins();
  let newBytes = 0;
  for (const name of new Set([...(stored?.values() ?? [])].flatMap(({ names }) => names))) {
    if (writer?.catalog.isPinned(name) === false) newBytes += writer.catalog.bytesOf(name);
  }
  const pinnedBytes = writer?.catalog.pinnedBytes ?? 0;
  if (pinnedBytes + newBytes + missingBytes <= capacityBytes) return;
  throw new PinError(
    `the disk cache holds ${Math.floor(capacityBytes)} bytes: ${pinnedBytes} are pinned, and this would pin ${newBytes + missingBytes} more`,
  );
}

/** By pin. Those that overlap share what is stored. */
async function storedOf(
  { resourceOf }: StoreContext,
  { catalog }: Writer,
  pins: readonly Pin[],
): Promise<ReadonlyMap<Pin, Stored>> {
  const found = new Map(pins.map((pin) => [pin, { names: [] as string[], bytes: 0 }]));
  const add = (pin: Pin, name: string): void => {
    const stored = found.get(pin);
    if (stored === undefined) return;
    stored.names.push(name);
    stored.bytes += catalog.bytesOf(name);
  };
  for (const pin of pins) {
    const resource = pin.isRecursive ? undefined : resourceOf(pin.url);
    for (const name of (resource === undefined ? undefined : catalog.entriesOf(resource)) ?? [])
      add(pin, name);
  }
  const recursive = pins.filter(({ isRecursive }) => isRecursive);
  if (recursive.length === 0) return found;
  for await (const [name, url] of catalog.urls())
    for (const pin of recursive) if (url === pin.url || url.startsWith(`${pin.url}/`)) add(pin, name);
  return found;
}
