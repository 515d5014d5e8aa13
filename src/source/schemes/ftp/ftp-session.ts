/** One control connection that is logged in: it does one thing at a time. */
import { NotFoundError } from '../../errors.js';
import { LowSpeedLimit } from '../../http/low-speed-limit.js';
import type { ControlConnection, Reply, Transfer } from './control-connection.js';
import type { DataConnection } from './data-connection.js';
import { parseSize, parseStatReply, parseTime } from './ftp-facts.js';
import { type FtpPath, joinPath, splitPath } from './ftp-path.js';
import { RefusedReply } from './ftp-reply.js';
import type { FtpServer } from './ftp-server.js';
import type { FtpStat } from './ftp-stat.js';
import { findListed, type FtpListing, readListing } from './ftp-listing.js';
import { logIn, type LoggedIn } from './login.js';
import { MalformedReply, openData } from './passive.js';
import type { ServerTraits } from './server-traits.js';

/** All bytes are there, and only the reply is missing. */
const END_REPLY_MS = 5_000;
/** A server whose data connection was closed says so soon. */
const ABANDON_REPLY_MS = 2_000;

/** A transfer whose data can be read. */
export interface RunningTransfer {
  readonly data: DataConnection;
  readonly ended: Transfer['ended'];
}

export class FtpSession {
  readonly server: FtpServer;
  /** When it was used last. */
  usedAtMs = performance.now();
  readonly #loggedIn: LoggedIn;
  #home: string | undefined;

  private constructor(server: FtpServer, loggedIn: LoggedIn) {
    this.server = server;
    this.#loggedIn = loggedIn;
  }

  static async open(server: FtpServer, endsAtMs: number): Promise<FtpSession> {
    return new FtpSession(server, await logIn(server, endsAtMs));
  }

  get isClosed(): boolean {
    return this.#control.closed;
  }

  get traits(): ServerTraits {
    return this.server.traits;
  }

  get #control(): ControlConnection {
    return this.#loggedIn.control;
  }

  /** An idle one keeps no process running. */
  setIdle(isIdle: boolean): void {
    if (isIdle) this.#control.socket.unref();
    else this.#control.socket.ref();
  }

  close(): void {
    this.#control.close();
  }

  /** The path as the server knows it. */
  async absolute({ path, isHome }: FtpPath, endsAtMs: number): Promise<string> {
    if (!isHome) return path;
    this.#home ??= homeOf(await this.#control.command('PWD', endsAtMs));
    return joinPath(this.#home, path);
  }

  /** Rejects with `RefusedReply` or `NotFoundError` where there is nothing. */
  async stat(path: string, endsAtMs: number): Promise<FtpStat> {
    return (await this.#statByFacts(path, endsAtMs)) ?? (await this.#statBySize(path, endsAtMs));
  }

  async list(directory: string, endsAtMs: number): Promise<FtpListing> {
    await this.#control.command(`CWD ${directory}`, endsAtMs);
    const { traits } = this;
    if (traits.parameterOf('MLST') !== undefined && traits.knows('MLSD')) {
      const listing = await this.#listBy('MLSD', endsAtMs);
      if (listing !== undefined) return listing;
    }
    // Hidden files too, where that is understood.
    return (
      (traits.knows('LIST -a') ? await this.#listBy('LIST -a', endsAtMs) : undefined) ??
      (await this.#listBy('LIST', endsAtMs)) ?? { entries: [], isExact: false }
    );
  }

  /** Of a file, to its end. */
  async retrieve(path: string, start: number, endsAtMs: number): Promise<RunningTransfer> {
    return await this.#transfer(`RETR ${path}`, endsAtMs, start);
  }

  /** The last reply of a transfer whose data has ended. The session then can go on. */
  async endOf({ ended }: RunningTransfer, limitMs = END_REPLY_MS): Promise<Reply> {
    return await this.#control.inTime(ended, performance.now() + Math.min(limitMs, this.server.timeoutMs));
  }

  /** Ends a transfer early. The session is closed where the server does not say that it has ended it. */
  async abandon(transfer: RunningTransfer): Promise<void> {
    transfer.data.close();
    try {
      await this.endOf(transfer, ABANDON_REPLY_MS);
    } catch {
      // 426, and whatever else: the reply counts, not what it says.
    }
  }

  async #statByFacts(path: string, endsAtMs: number): Promise<FtpStat | undefined> {
    if (!this.traits.has('MLST')) return undefined;
    try {
      const { text } = await this.#control.command(`MLST ${path}`, endsAtMs);
      const facts = parseStatReply(text);
      if (facts === undefined) throw new MalformedReply('facts in the reply to MLST');
      // What a link leads to, the older commands show.
      if (facts.isProftpd) this.traits.noteUnknown('MLST');
      return facts.isProftpd || facts.kind === 'link' ? undefined : facts.stat;
    } catch (error) {
      if (!(error instanceof RefusedReply) || !error.isUnknown) throw error;
      this.traits.noteUnknown('MLST');
      return undefined;
    }
  }

  async #statBySize(path: string, endsAtMs: number): Promise<FtpStat> {
    const size = await this.#known('SIZE', path, endsAtMs, parseSize);
    if (size === 'refused' || size === 'unknown') {
      // Of a directory there is no size. The working directory matters to no other command.
      const isDirectory = await this.#granted(`CWD ${path}`, endsAtMs);
      if (isDirectory) return { isDirectory };
    }
    if (size === 'refused') throw new NotFoundError(this.server.url);
    const modified = await this.#known('MDTM', path, endsAtMs, parseTime);
    const modifiedMs = typeof modified === 'number' ? modified : undefined;
    if (size !== 'unknown') return { isDirectory: false, size, modifiedMs };
    return { ...(await this.#statByListing(path, endsAtMs)), modifiedMs };
  }

  /** Where there is no SIZE. */
  async #statByListing(path: string, endsAtMs: number): Promise<FtpStat> {
    const { directory, name } = splitPath(path);
    const entry = findListed(await this.list(directory, endsAtMs), name);
    if (entry === undefined || entry.kind === 'other') throw new NotFoundError(this.server.url);
    return { isDirectory: entry.kind === 'directory', size: entry.kind === 'file' ? entry.size : undefined };
  }

  /** `unknown`: the server has no such command. A refusal that says why is thrown. */
  async #known(
    command: string,
    path: string,
    endsAtMs: number,
    parse: (text: string) => number | undefined,
  ): Promise<number | 'refused' | 'unknown'> {
    if (!this.traits.knows(command)) return 'unknown';
    try {
      const { text } = await this.#control.command(`${command} ${path}`, endsAtMs);
      return parse(/^\d{3} (\S+)/.exec(text)?.[1] ?? '') ?? 'unknown';
    } catch (error) {
      if (!(error instanceof RefusedReply) || error.code < 500 || error.saysDenied) throw error;
      if (!error.isUnknown) return 'refused';
      this.traits.noteUnknown(command);
      return 'unknown';
    }
  }

  async #granted(command: string, endsAtMs: number): Promise<boolean> {
    try {
      await this.#control.command(command, endsAtMs);
      return true;
    } catch (error) {
      if (error instanceof RefusedReply && error.code >= 500 && !error.saysDenied) return false;
      throw error;
    }
  }

  /** Undefined: the server does not list so. */
  async #listBy(command: string, endsAtMs: number): Promise<FtpListing | undefined> {
    let transfer: RunningTransfer;
    try {
      transfer = await this.#transfer(command, endsAtMs);
    } catch (error) {
      if (!(error instanceof RefusedReply)) throw error;
      if (/no (such )?files?\b|empty/i.test(error.text) && error.code !== 421)
        return { entries: [], isExact: false };
      if (error.code < 500 || command === 'LIST') throw error;
      if (error.isUnknown) this.traits.noteUnknown(command);
      return undefined;
    }
    try {
      const listing = await readListing(
        transfer.data,
        command === 'MLSD',
        new LowSpeedLimit(this.server.timeoutMs),
      );
      // Without it a listing may be a part.
      await this.endOf(transfer, this.server.timeoutMs);
      return listing;
    } catch (error) {
      await this.abandon(transfer);
      throw error;
    }
  }

  async #transfer(command: string, endsAtMs: number, start = 0): Promise<RunningTransfer> {
    const opened = await openData(this.server, this.#loggedIn, endsAtMs);
    const { data } = opened;
    try {
      if (start > 0) await this.#control.command(`REST ${start}`, endsAtMs);
      const { begun, ended } = this.#control.transfer(command, endsAtMs);
      await begun;
      opened.begin();
      return { data, ended };
    } catch (error) {
      data.close();
      throw error;
    }
  }
}

/** `257 "/home/ada" is current directory`; a quote in it is doubled (RFC 959, appendix II). */
function homeOf({ text }: Reply): string {
  const quoted = /^257[ -]"((?:[^"]|"")*)"/.exec(text)?.[1];
  if (quoted === undefined) throw new MalformedReply('a directory in the reply to PWD');
  return quoted.replaceAll('""', '"');
}
