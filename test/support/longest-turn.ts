/**
 * How long one turn of the event loop takes at the most while some work runs, in milliseconds of processor time:
 * other processes on the machine do not count, only what this one computes without yielding.
 */
export async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  let longestUs = 0;
  let isOver = false;
  let last = process.cpuUsage();
  const look = (): void => {
    const { user } = process.cpuUsage(last);
    last = process.cpuUsage();
    longestUs = Math.max(longestUs, user);
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  try {
    await work();
  } finally {
    isOver = true;
    look();
  }
  return longestUs / 1000;
}
