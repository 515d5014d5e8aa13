import { appendFile } from 'node:fs/promises';
import process from 'node:process';

/** Writes to the log of a mount where no logger is open. Never rejects. */
export async function appendFatal(logFile: string, msg: string): Promise<void> {
  const record = { level: 60, time: Date.now(), pid: process.pid, msg };
  await appendFile(logFile, `${JSON.stringify(record)}\n`).catch(() => undefined);
}
