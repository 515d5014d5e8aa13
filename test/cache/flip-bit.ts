import { readFileSync, writeFileSync } from 'node:fs';

export function flipBit(file: string, bit: number): void {
  const bytes = readFileSync(file);
  const at = bit >> 3;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
  writeFileSync(file, bytes);
}
