/** `POST /v1/warm`: lines of JSON in, lines of JSON out, as the job goes on. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { ControlError } from '../control-error.js';
import { whenDrained } from '../when-drained.js';
import type { OperatedMount } from '../operated-mount.js';
import type { StartedJob } from './warm-jobs.js';
import { warmLine } from './warm-line.js';
import type { WarmOptions } from './warm-options.js';

const MAX_LINE_BYTES = 1024 * 1024;
/** A job in the background keeps its names in memory. */
const MAX_BACKGROUND_BYTES = 4 * 1024 * 1024;
const REPORT_EVERY_MS = 250;
const DEFAULT_JOBS = 8;
const MAX_JOBS = 64;
const EXPECTED = 'expected {"urls": ["https://host/path"], "recursive": false, "jobs": 8}';

/** Rejects with a `ControlError` before anything was answered. `onBegun`: the request has come, and may take its time. */
export async function serveWarm(
  mount: OperatedMount,
  request: IncomingMessage,
  response: ServerResponse,
  onBegun: () => void,
): Promise<void> {
  const lines = jsonLines(request);
  const first = await lines.next();
  const [options, urls] = [optionsOf(first.value), urlsOf(first.value, lines)];
  onBegun();
  if (options.isBackground) {
    const known = await allOf(urls);
    const job = await mount.warm(options, eachOf(known), () => Promise.resolve());
    sendLine(response.writeHead(202, { 'content-type': 'application/json', connection: 'close' }), job);
    response.end();
    return;
  }
  let begin = (): void => undefined;
  const hasBegun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const job = await mount.warm(options, urls, async (line) => {
    await hasBegun;
    if (!response.write(`${JSON.stringify(line)}\n`)) await whenDrained(response);
  });
  response.once('close', job.cancel);
  response.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    connection: 'close',
  });
  sendLine(response, job);
  begin();
  const timer = setInterval(() => {
    if (!response.writableNeedDrain) sendLine(response, job);
  }, REPORT_EVERY_MS);
  await job.ended;
  clearInterval(timer);
  sendLine(response, job);
  response.end();
}

function sendLine(response: ServerResponse, { report }: StartedJob): void {
  response.write(`${JSON.stringify(warmLine(report()))}\n`);
}

function optionsOf(given: unknown): WarmOptions {
  const { recursive = false, check = false, background = false, jobs = DEFAULT_JOBS } = fieldsOf(given);
  const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
  if (!isFlag(recursive) || !isFlag(check) || !isFlag(background))
    throw new ControlError('BAD_REQUEST', EXPECTED);
  if (typeof jobs !== 'number' || !Number.isInteger(jobs) || jobs < 1 || jobs > MAX_JOBS) {
    throw new ControlError('BAD_REQUEST', `expected 1 to ${MAX_JOBS} jobs`);
  }
  return { isRecursive: recursive, isCheck: check, isBackground: background, jobs };
}

async function* urlsOf(first: unknown, rest: AsyncIterable<unknown>): AsyncGenerator<string> {
  yield* urlsIn(first);
  for await (const line of rest) yield* urlsIn(line);
}

function urlsIn(line: unknown): readonly string[] {
  const { urls } = fieldsOf(line);
  const areUrls = Array.isArray(urls) && urls.every((url) => typeof url === 'string' && url.includes('://'));
  if (!areUrls) throw new ControlError('BAD_REQUEST', EXPECTED);
  return urls as string[];
}

function fieldsOf(line: unknown): Readonly<Record<string, unknown>> {
  if (typeof line !== 'object' || line === null) throw new ControlError('BAD_REQUEST', EXPECTED);
  return line as Readonly<Record<string, unknown>>;
}

async function allOf(urls: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  let bytes = 0;
  for await (const url of urls) {
    bytes += url.length;
    all.push(url);
    if (bytes > MAX_BACKGROUND_BYTES) {
      const hint = 'without --background, a list may be as long as it likes';
      throw new ControlError(
        'REFUSED',
        `the names of a job in the background take ${MAX_BACKGROUND_BYTES} bytes at most`,
        hint,
      );
    }
  }
  return all;
}

async function* eachOf(urls: readonly string[]): AsyncGenerator<string> {
  yield* urls;
}

async function* jsonLines(request: IncomingMessage): AsyncGenerator {
  let left = '';
  request.setEncoding('utf8');
  for await (const part of request as AsyncIterable<string>) {
    const lines = `${left}${part}`.split('\n');
    left = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parsed(line);
    if (left.length > MAX_LINE_BYTES) throw new ControlError('BAD_REQUEST', 'a line is too long');
  }
  if (left.trim() !== '') yield parsed(left);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new ControlError('BAD_REQUEST', 'a line is no JSON');
  }
}
