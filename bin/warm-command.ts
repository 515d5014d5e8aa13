/** `d7y-mount warm`. */
import process from 'node:process';

import type { WarmLine } from '../src/control/warm/warm-line.js';
import { safeLines } from '../src/source/safe-text.js';
import { CommandFailure, EXIT } from './command-failure.js';
import type { GivenOptions } from './config/options.js';
import { namesOf } from './name-list.js';
import { call, callForLines, type ReachedMount, reachMount } from './reach-mount.js';
import { canonicalUrl, mountpointOf, urlTranslator } from './url-path.js';
import { WarmProgress, warmSummary } from './warm-lines.js';

export interface WarmCommandOptions {
  readonly json: boolean;
  readonly mountpoint?: string;
  readonly file?: string;
  readonly jobs?: number;
  readonly check: boolean;
  readonly background: boolean;
  readonly recursive: boolean;
  readonly pin: boolean;
  readonly stop?: number;
}

/** So many names go in one line. */
const NAMES_PER_LINE = 200;
/** Where no one watches. */
const JSON_EVERY_SECONDS = 1;
/** Of a terminal that does not say. */
const DEFAULT_COLUMNS = 80;
const STOP_SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
const UNREACHABLE = /^(TIMEOUT|CONNECTION_REFUSED|CONNECTION_LOST|HOST_UNREACHABLE|NETWORK_UNREACHABLE)$/;

/** Resolves to the exit code. */
export async function warm(
  paths: readonly string[],
  own: WarmCommandOptions,
  options: GivenOptions,
): Promise<number> {
  if (own.stop !== undefined) return await stop(own.stop, own);
  if (own.pin) await pinFirst(paths, own, options);
  const names = namesOf(paths, own.file);
  const first = await names.next();
  if (first.done === true)
    throw new CommandFailure(EXIT.usage, 'there is nothing to warm: name a path, a URL or a list');
  const of = own.mountpoint ?? (isUrl(first.value) ? undefined : await mountpointOf(first.value));
  const reached = await reachMount(of);
  const urls = urlsOf(prepended(first.value, names), await urlTranslator(reached.mount.mountpoint, options));
  const output = new Output(own);
  const interrupt = new AbortController();
  let signalCode = 0;
  for (const [signal, code] of Object.entries(STOP_SIGNALS)) {
    process.once(signal, () => {
      signalCode = 128 + code;
      interrupt.abort();
    });
  }
  let badName: unknown;
  const lines = requestLines(urls, own, (error) => {
    badName = error;
    interrupt.abort();
  });
  try {
    await callForLines(reached, '/v1/warm', lines, (line) => output.take(line), interrupt.signal);
  } catch (error) {
    if (badName !== undefined) throw badName;
    if (signalCode === 0) throw error;
  }
  return output.end(reached, signalCode);
}

/** So that nothing of it is evicted meanwhile. */
async function pinFirst(
  paths: readonly string[],
  own: WarmCommandOptions,
  options: GivenOptions,
): Promise<void> {
  if (own.file !== undefined || own.check) {
    throw new CommandFailure(EXIT.usage, '--pin takes neither a list nor --check');
  }
  const { pinUrls } = await import('./pin-command.js');
  await pinUrls(paths, own, options);
}

async function stop(job: number, { mountpoint, json }: WarmCommandOptions): Promise<number> {
  const { value } = await call(await reachMount(mountpoint), 'POST', '/v1/warm/stop', { body: { job } });
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${warmSummary(value as WarmLine, false)}\n`);
  return 0;
}

/** The first line has the options. It goes at once: the mount does not wait for long for a request, and a list may be slow. */
async function* requestLines(
  urls: AsyncIterable<string>,
  { recursive, check, background, jobs }: WarmCommandOptions,
  onError: (error: unknown) => void,
): AsyncGenerator<object> {
  let batch: string[] = [];
  let isBegun = false;
  let first: object = { recursive, check, background, ...(jobs === undefined ? {} : { jobs }) };
  try {
    for await (const url of urls) {
      batch.push(url);
      if (isBegun && batch.length < NAMES_PER_LINE) continue;
      yield { ...first, urls: batch };
      [batch, first, isBegun] = [[], {}, true];
    }
    yield { ...first, urls: batch };
  } catch (error) {
    onError(error);
    throw error;
  }
}

async function* urlsOf(
  names: AsyncIterable<string>,
  urlsBelow: (path: string) => readonly string[],
): AsyncGenerator<string> {
  for await (const name of names) {
    for (const url of isUrl(name) ? [canonicalUrl(name)] : urlsBelow(name)) {
      if (!isUrl(url)) throw new Error(`${name} is no directory of a source: name a host at least`);
      yield url;
    }
  }
}

async function* prepended(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

function isUrl(name: string): boolean {
  return name.includes('://');
}

/** A bar on a terminal, else lines of JSON; failures go to standard error too. */
class Output {
  readonly #own: WarmCommandOptions;
  readonly #isBar: boolean;
  readonly #progress = new WarmProgress();
  #last: WarmLine | undefined;
  #shownAtSeconds = -Infinity;
  /** Failures of sources that could not be reached. */
  #unreachable = 0;

  constructor(own: WarmCommandOptions) {
    this.#own = own;
    this.#isBar = !own.json && process.stdout.isTTY;
  }

  take(line: object): void {
    if ('state' in line) this.#takeReport(line as WarmLine);
    else this.#takeDetail(line as Detail);
  }

  #takeReport(report: WarmLine): void {
    this.#last = report;
    if (this.#isBar) {
      if (report.state !== 'running' || this.#own.background) this.#clear();
      else this.#clear(this.#progress.line(report, process.stdout.columns || DEFAULT_COLUMNS));
      return;
    }
    const isDue = report.seconds >= this.#shownAtSeconds + JSON_EVERY_SECONDS;
    if (report.state === 'running' && !isDue) return;
    this.#shownAtSeconds = report.seconds;
    print(report);
  }

  #takeDetail(detail: Detail): void {
    const { url, error } = detail;
    if (error !== undefined && UNREACHABLE.test(error.code)) this.#unreachable += 1;
    if (!this.#isBar) print(detail);
    if (error === undefined || this.#own.json) return;
    this.#clear();
    process.stderr.write(
      `d7y-mount: ${safeLines(error.message.includes(url) ? error.message : `${url}: ${error.message}`)}\n`,
    );
  }

  /** The exit code. `signalCode` 0: no signal came. */
  end({ mount }: ReachedMount, signalCode: number): number {
    const { check, background } = this.#own;
    const last = this.#last;
    if (signalCode !== 0) {
      this.#clear();
      if (last !== undefined && this.#isBar) say(warmSummary({ ...last, state: 'cancelled' }, check));
      return signalCode;
    }
    if (last === undefined || (last.state === 'running' && !background)) {
      throw new CommandFailure(
        EXIT.notRunning,
        `the process that serves ${mount.mountpoint} ended meanwhile`,
      );
    }
    if (background) {
      if (this.#isBar)
        say(
          `job ${last.job} goes on; 'd7y-mount status' shows it, 'd7y-mount warm --stop ${last.job}' ends it`,
        );
      return 0;
    }
    if (this.#isBar) say(warmSummary(last, check));
    if (last.state === 'done' && last.failed === 0 && (!check || last.files === last.total_files)) return 0;
    const isUnreachable = last.error?.code === 'UNREACHABLE' || this.#unreachable === last.failed;
    return last.failed > 0 && last.files === 0 && isUnreachable ? EXIT.unreachable : EXIT.failure;
  }

  #clear(text = ''): void {
    if (this.#isBar) process.stdout.write(`\r\u001b[K${safeLines(text)}`);
  }
}

interface Detail {
  readonly url: string;
  readonly error?: { readonly code: string; readonly message: string };
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function say(text: string): void {
  process.stdout.write(`${safeLines(text)}\n`);
}
