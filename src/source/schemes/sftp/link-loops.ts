import type { SftpChannel } from './sftp-channel.js';

/**
 * Whether a link leads to a directory that it is itself below: programs that walk the tree would never end. `ancestors` are
 * the directories that the path goes through. A server that does not resolve links has its own limit.
 */
export async function leadsAbove(
  channel: SftpChannel,
  link: Buffer,
  ancestors: readonly Buffer[],
): Promise<boolean> {
  const [target, ...above] = await Promise.all([link, ...ancestors].map((path) => channel.realpath(path)));
  return target !== undefined && above.some((directory) => directory.equals(target));
}
