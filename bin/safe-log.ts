/**
 * What every line of a log goes through, at every level: whatever was logged, it holds no secrets of URLs, no
 * control characters, and of errors only fields that are safe (no headers, options, sockets).
 */
import type { LoggerOptions } from 'pino';

import { safeLines, safeText } from '../src/source/safe-text.js';

const MAX_DEPTH = 5;
const ERROR_FIELDS = [
  'code',
  'url',
  'path',
  'expected',
  'found',
  'status',
  'errno',
  'syscall',
  'address',
  'port',
  // Of an AggregateError: one for each address that was tried.
  'errors',
];

export const SAFE_LOG: LoggerOptions = {
  // Pino's own serializer would write errors unchanged.
  serializers: { err: (error: unknown) => error },
  hooks: {
    logMethod(args, method) {
      const [first, ...rest] = args as unknown[];
      const facts = first instanceof Error ? { err: first } : first;
      // Without a message pino would write that of the error, unchanged.
      const given =
        rest.length === 0 && typeof facts === 'object' ? [facts, messageOf(facts)] : [facts, ...rest];
      method.apply(this, given.map((value) => safeValue(value, MAX_DEPTH)) as Parameters<typeof method>);
    },
  },
};

/** The options of a log that counts its lines by level. */
export function countedLog(messages: Record<string, number>): LoggerOptions {
  const { logMethod } = SAFE_LOG.hooks ?? {};
  return {
    ...SAFE_LOG,
    hooks: {
      logMethod(args, method, level) {
        const name = this.levels.labels[level] ?? String(level);
        messages[name] = (messages[name] ?? 0) + 1;
        logMethod?.call(this, args, method, level);
      },
    },
  };
}

function messageOf(facts: object | null): string | undefined {
  return facts !== null && 'err' in facts && facts.err instanceof Error ? facts.err.message : undefined;
}

function safeValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return safeText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (value instanceof Error) return safeError(value, depth);
  // A URL, a date.
  if ('toJSON' in value && typeof value.toJSON === 'function') return safeValue(value.toJSON(), depth - 1);
  if (Array.isArray(value)) return value.map((one) => safeValue(one, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [safeText(key), safeValue(one, depth - 1)]),
  );
}

function safeError(error: Error, depth: number): object {
  const facts = error as Error & Readonly<Record<string, unknown>>;
  const fields = ERROR_FIELDS.filter((name) => facts[name] !== undefined);
  return {
    type: safeText(error.name),
    message: safeText(error.message),
    // The rest of a stack is the message once more, as it was.
    stack: safeLines(framesOf(error.stack ?? '')),
    ...Object.fromEntries(fields.map((name) => [name, safeValue(facts[name], depth - 1)])),
    ...(error.cause === undefined ? {} : { cause: safeValue(error.cause, depth - 1) }),
  };
}

function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .join('\n');
}
