/** `node read-program.js FILE REFERENCE OFFSET BYTES PAUSE_MS`: reads a file in order, and prints a `ReadReport`. */
import { open } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ReadReport {
  readonly bytes: number;
  /** Whether they are those of the reference. */
  readonly isRight: boolean;
  readonly openMs: number;
  readonly firstReadMs: number;
  readonly longestReadMs: number;
  /** Without pauses. */
  readonly totalMs: number;
}

const CHUNK_BYTES = 1024 * 1024;

const [, , path = '', referencePath = '', offset = '', length = '', pauseMs = ''] = process.argv;
const beganMs = performance.now();
const file = await open(path);
const openMs = performance.now() - beganMs;
const reference = await open(referencePath);
const [got, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
let [at, isRight, firstReadMs, longestReadMs, readMs] = [Number(offset), true, 0, 0, 0];
const end = at + Number(length);
while (at < end) {
  const sentMs = performance.now();
  const { bytesRead } = await file.read(got, 0, Math.min(CHUNK_BYTES, end - at), at);
  const tookMs = performance.now() - sentMs;
  readMs += tookMs;
  firstReadMs ||= tookMs;
  longestReadMs = Math.max(longestReadMs, tookMs);
  if (bytesRead === 0) break;
  await reference.read(right, 0, bytesRead, at);
  isRight &&= got.subarray(0, bytesRead).equals(right.subarray(0, bytesRead));
  at += bytesRead;
  if (pauseMs !== '0') await sleep(Number(pauseMs));
}
const report: ReadReport = {
  bytes: at - Number(offset),
  isRight,
  openMs,
  firstReadMs,
  longestReadMs,
  totalMs: openMs + readMs,
};
console.log(JSON.stringify(report));
