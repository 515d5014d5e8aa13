/** A headless Chromium, spoken to by its DevTools protocol over a pipe: no port, no library. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

import type { ExecutionContext } from 'ava';

import { temporaryDirectory } from './temp.js';

export const CHROMIUM = '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);

const LIMIT_MS = 30_000;
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
];

const PROBLEMS = new Set(['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded']);

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** A tab. */
export interface Tab {
  readonly call: (method: string, params?: object) => Promise<Readonly<Record<string, unknown>>>;
  /** The value of an expression of JavaScript, which may be a promise. */
  readonly evaluate: (expression: string) => Promise<unknown>;
  /** Resolves when the page is loaded. */
  readonly open: (url: string) => Promise<void>;
  /** What the page logged, threw, or was refused, and where it asked for something. */
  readonly problems: string[];
  readonly requests: string[];
}

/** Starts a browser of its own for a test, and ends it with it. */
export async function startChromium(t: ExecutionContext): Promise<Tab> {
  const profile = await temporaryDirectory(t);
  const child = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${join(profile, 'profile')}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      HOME: profile,
      TMPDIR: profile,
      XDG_CONFIG_HOME: profile,
      XDG_CACHE_HOME: profile,
    },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  t.teardown(async () => {
    await send('Browser.close', {}).catch(() => child.kill('SIGKILL'));
    await ended;
  });
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
  input.on('error', () => undefined);
  const waiting = new Map<number, (message: Message) => void>();
  const listeners = new Set<(message: Message) => void>();
  let rest = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop() ?? '';
    for (const one of messages) {
      const message = JSON.parse(one) as Message;
      if (message.id === undefined) for (const listener of listeners) listener(message);
      else waiting.get(message.id)?.(message);
    }
  });
  let calls = 0;
  const send = async (
    method: string,
    params: object,
    sessionId?: string,
  ): Promise<Readonly<Record<string, unknown>>> => {
    const id = (calls += 1);
    const answer = new Promise<Message>((resolve, reject) => {
      waiting.set(id, resolve);
      setTimeout(() => reject(new Error(`no answer of Chromium: ${method}`)), LIMIT_MS).unref();
    });
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { result, error } = await answer;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  };
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const call: Tab['call'] = (method, params = {}) => send(method, params, String(sessionId));
  const problems: string[] = [];
  const requests: string[] = [];
  listeners.add(({ method = '', params = {} }) => {
    if (PROBLEMS.has(method)) problems.push(JSON.stringify(params));
    if (method === 'Network.requestWillBeSent') requests.push((params['request'] as { url: string }).url);
  });
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`);
  return {
    call,
    problems,
    requests,
    evaluate: async (expression) => {
      const { result, exceptionDetails } = await call('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { readonly value?: unknown }).value;
    },
    open: async (url) => {
      const loaded = new Promise<void>((resolve) => {
        const listener = ({ method }: Message): void => {
          if (method !== 'Page.loadEventFired') return;
          listeners.delete(listener);
          resolve();
        };
        listeners.add(listener);
      });
      const { errorText } = await call('Page.navigate', { url });
      if (typeof errorText === 'string') throw new Error(errorText);
      await loaded;
    },
  };
}
