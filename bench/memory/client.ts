/**
 * Uses a mount from a process of its own. Arguments: the directory of the origin, the name of the phase, and the
 * numbers of the operations: from, below, step. Reports each thousand operations to its parent.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import process from 'node:process';

const [root = '', phase = '', from = '0', below = '0', step = '1'] = process.argv.slice(2);
const memory = Buffer.alloc(1024 * 1024);
const REPORT_EVERY = 100;
/** Names of one directory, before another one is used. */
const NAMES = 200;

function stat(path: string): void {
  if (statSync(path).isDirectory()) throw new Error(`${path} is a directory`);
}

function read(path: string, bytes = memory.length): void {
  const fd = openSync(path, 'r');
  try {
    for (let left = bytes; left > 0;) {
      const got = readSync(fd, memory, 0, Math.min(left, memory.length), null);
      if (got === 0) return;
      left -= got;
    }
  } finally {
    closeSync(fd);
  }
}

function list(path: string): void {
  if (readdirSync(path).length === 0) throw new Error(`${path} is empty`);
}

function miss(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) throw new Error(`${path} exists`);
}

function mixed(i: number): void {
  const directory = `${root}/x${Math.floor(i / NAMES)}`;
  switch (i % 4) {
    case 0:
      return stat(`${directory}/f${i}.bin`);
    case 1:
      return read(`${directory}/f${i}`);
    case 2:
      return list(`${directory}/d${i}`);
    default:
      return miss(`${directory}/m${i}`);
  }
}

const PHASES: Readonly<Record<string, (i: number) => void>> = {
  mixed,
  directories: (i) => list(`${root}/x/d${i}`),
  missing: (i) => miss(`${root}/x/m${i}`),
  etags: (i) => stat(`${root}/x/t${i}`),
  redirects: (i) => stat(`${root}/x/r${i}`),
  // A MiB each, of one file that stays open.
  endless: () => {
    endless ??= openSync(`${root}/x/e`, 'r');
    readSync(endless, memory, 0, memory.length, null);
  },
};
let endless: number | undefined;

const operate = PHASES[phase];
if (operate === undefined) throw new Error(`no such phase: ${phase}`);
let [done, failed] = [0, 0];
for (let i = Number(from); i < Number(below); i += Number(step)) {
  try {
    operate(i);
  } catch (error) {
    failed += 1;
    if (failed === 1) process.stderr.write(`${String(error)}\n`);
  }
  done += 1;
  if (done % REPORT_EVERY === 0) await report();
}
await report();

function report(): Promise<void> {
  return new Promise((resolve) => {
    process.send?.({ done, failed }, () => resolve());
  });
}
