/** Errors as buckets answer them: `<Error><Code>NoSuchKey</Code>…`. */
import { saidBySource } from '../../safe-text.js';
import { readXmlPrefix } from '../../xml-events.js';

export interface ObjectError {
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, if the error is that it is elsewhere. */
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
}

const MAX_CODE_CHARS = 64;
const MAX_HOST_CHARS = 255;

/** Undefined: the body is none. */
export function parseObjectError(text: string): ObjectError | undefined {
  const fields = new Map<string, string>();
  let root = '';
  readXmlPrefix(text.trimStart(), {
    onOpen: (name, depth) => {
      if (depth === 1) root = name;
    },
    onClose: (name, value, depth) => {
      if (depth === 2) fields.set(name, value);
    },
  });
  return root === 'Error' ? objectErrorOf(fields) : undefined;
}

/** `fields`: the elements of `Error`. Of these and no others something may be logged. */
export function objectErrorOf(fields: ReadonlyMap<string, string>): ObjectError {
  return {
    code: /^[\w.-]+$/.exec(fields.get('Code')?.trim().slice(0, MAX_CODE_CHARS) ?? '')?.[0] ?? 'none',
    message: saidBySource(fields.get('Message') ?? ''),
    region: hostLike(fields.get('Region')),
    endpoint: hostLike(fields.get('Endpoint')),
  };
}

function hostLike(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? '';
  return trimmed.length <= MAX_HOST_CHARS && /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(trimmed)
    ? trimmed
    : undefined;
}
