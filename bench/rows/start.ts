import { join } from 'node:path';
import process from 'node:process';

import { type Mounter, onMount } from '../mounter.js';
import type { Row } from '../row.js';
import { mountersOf, type Setup } from '../setup.js';
import type { Figures, Subject } from '../subject.js';
import { noWarmUp } from '../warm-up.js';

const LIMIT_MS = 20_000;

/** From the start of the command: to its version, to a mount in the background, to the first byte of a file. */
export const start: Row = {
  name: 'start',
  metrics: [
    { name: 'version', unit: 'ms', better: 'less', targets: [{ times: 'bare', factor: 2 }] },
    { name: 'ready', unit: 'ms', better: 'less', targets: [{ limit: 300 }] },
    { name: 'first byte', unit: 'ms', better: 'less', targets: [{ limit: 350 }] },
  ],
  subjects: async (setup) => {
    const directory = await setup.fixtures.heads('start', 1);
    const node: Subject = {
      role: 'bare',
      name: 'node -e 0',
      measure: async () => ({ version: await elapsedMs(setup, process.execPath, '-e', '0') }),
    };
    const mounts = mountersOf(setup).map((mounter) => ({
      role: mounter.role,
      name: mounter.name,
      measure: () => startMount(setup, mounter, join(directory, '0.bin')),
    }));
    return [node, ...mounts];
  },
};

async function startMount(setup: Setup, mounter: Mounter, file: string): Promise<Figures> {
  const version = await elapsedMs(setup, ...mounter.versionCommand);
  return await onMount(mounter, { origin: setup.origin }, noWarmUp, async ({ root, readyMs }) => ({
    version,
    ready: readyMs,
    'first byte': readyMs + (await elapsedMs(setup, 'head', '-c', '1', join(root, file))),
  }));
}

async function elapsedMs({ scratch }: Setup, program: string, ...args: string[]): Promise<number> {
  return (await scratch.programs.run(program, args, LIMIT_MS)).elapsedMs;
}
