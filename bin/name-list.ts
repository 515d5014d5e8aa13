/** Names that a command takes as arguments, or as the lines of a file. */
import { createReadStream } from 'node:fs';
import process from 'node:process';

/** `list`: a file; `-`: standard input. */
export async function* namesOf(args: readonly string[], list: string | undefined): AsyncGenerator<string> {
  yield* args;
  if (list === undefined) return;
  const input = list === '-' ? process.stdin : createReadStream(list);
  let left = '';
  input.setEncoding('utf8');
  for await (const part of input as AsyncIterable<string>) {
    const lines = `${left}${part}`.split('\n');
    left = lines.pop() ?? '';
    yield* lines.map(withoutReturn).filter(Boolean);
  }
  if (withoutReturn(left) !== '') yield withoutReturn(left);
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
