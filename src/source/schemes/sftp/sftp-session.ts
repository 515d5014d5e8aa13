import { OpenFiles } from './open-files.js';
import type { RequestCounts } from './request-counts.js';
import { SftpChannel } from './sftp-channel.js';
import type { SshConnection } from './ssh-connection.js';

/** A connection of its own, with the channel and the open files on it. */
export class SftpSession {
  readonly channel: SftpChannel;
  readonly files: OpenFiles;
  /** Calls that use it. */
  users = 0;
  readonly #connections: readonly SshConnection[];

  constructor(channel: SftpChannel, connections: readonly SshConnection[]) {
    this.channel = channel;
    this.files = new OpenFiles(channel);
    this.#connections = connections;
  }

  /** `connections`: that to the host, and those that it goes through. */
  static async begin(
    connections: readonly SshConnection[],
    timeoutMs: number,
    counts: RequestCounts,
  ): Promise<SftpSession> {
    const stream = await connections[0]?.openSftp();
    if (stream === undefined) throw new Error('no connection');
    const channel = new SftpChannel(stream, timeoutMs, counts);
    await channel.begin();
    for (const connection of connections) connection.reuseMemory();
    return new SftpSession(channel, connections);
  }

  get isClosed(): boolean {
    return this.channel.isClosed;
  }

  close(reason: unknown): void {
    this.channel.destroy(reason);
    for (const connection of this.#connections) connection.destroy();
  }
}
