/** One control connection that is logged in: it does one thing at a time. */
import { NotFoundError } from '../../errors.js';
import { LowSpeedLimit } from '../../http/low-speed-limit.js';
import type { ControlConnection, Transfer } from './control-connection.js';
import type { Reply } from './reply-reader.js';
import type { DataConnection } from './data-connection.js';
import { parseSize, parseStatReply, parseTime } from './ftp-facts.js';
import { type FtpPath, joinPath, splitPath } from './ftp-path.js';
import { RefusedReply } from './ftp-reply.js';
import type { FtpServer } from './ftp-server.js';
import type { FtpStat } from './ftp-stat.js';
import { findListed, type FtpListing, readListing } from './ftp-listing.js';
import { logIn, type LoggedIn } from './login.js';
import { MalformedReply, openData, passivePort } from './passive.js';
import type { ServerTraits } from './server-traits.js';

/** All bytes are there, and only the reply is missing. */
const END_REPLY_MS = 5_000;
/** A server whose data connection was closed says so soon. */
const ABANDON_REPLY_MS = 2_000;

/** There is no way to quote them, but each stands for itself, too. */
const WILDCARDS = /[*?[\]{}\\]/g;

/** A transfer whose data can be read. */
export interface RunningTransfer extends Pick<Transfer, 'ended' | 'endBy'> {
  readonly data: DataConnection;
  /** Of the file that the server has opened, where it says so: `150 Opening BINARY mode data connection for x (4096 bytes)`. */
  readonly fileBytes: number | undefined;
}

export class FtpSession {
  readonly server: FtpServer;
  /** When it was used last. */
  usedAtMs = performance.now();
  readonly #loggedIn: LoggedIn;
  #data: Pick<DataConnection, 'close'> | undefined;
  #home: string | undefined;
  /** A transfer was to begin elsewhere than at the start, and did not: the server may remember where. */
  #hasRestart = false;

  private constructor(server: FtpServer, loggedIn: LoggedIn) {
    this.server = server;
    this.#loggedIn = loggedIn;
  }

  static async open(server: FtpServer, endsAtMs: number): Promise<FtpSession> {
    return new FtpSession(server, await logIn(server, endsAtMs));
  }

  get isClosed(): boolean {
    return this.#control.isClosed;
  }

  get traits(): ServerTraits {
    return this.server.traits;
  }

  get #control(): ControlConnection {
    return this.#loggedIn.control;
  }

  /** An idle one keeps no process running. */
  setIdle(isIdle: boolean): void {
    this.#control.setIdle(isIdle);
  }

  close(): void {
    this.#data?.close();
    this.#control.close();
  }

  /** The path as the server knows it. */
  async absolute({ path, isHome }: FtpPath, endsAtMs: number): Promise<string> {
    if (!isHome) return path;
    this.#home ??= homeOf(await this.#control.command('PWD', endsAtMs, 257));
    return joinPath(this.#home, path);
  }

  /** Rejects with `RefusedReply` or `NotFoundError` where there is nothing. `size`: what it is known to be. */
  async stat(path: string, endsAtMs: number, size?: number): Promise<FtpStat> {
    if (this.traits.has('MLST')) {
      const stat = await this.#statByFacts(path, endsAtMs);
      if (stat !== undefined) return stat;
    }
    return await this.#statBySize(path, endsAtMs, size);
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

  /** The permissions of a file where the server has no facts, as its line in a listing shows them. Undefined: it does not. */
  async listedMode(path: string, endsAtMs: number): Promise<number | undefined> {
    const { traits } = this;
    if (traits.has('MLST') || !traits.listsModes) return undefined;
    const { directory, name } = splitPath(path);
    const pattern = joinPath(directory, `/${name.replaceAll(WILDCARDS, '?')}`);
    const command = `LIST ${traits.knows('LIST -a') ? '-a ' : ''}${pattern}`;
    try {
      const listing = await this.#read(await this.#transfer(command, endsAtMs, 0), false);
      // Some servers write the path instead of the name.
      const entry = findListed(listing, name) ?? findListed(listing, path);
      if (entry?.kind === 'file' && entry.mode === undefined) traits.listsModes = false;
      return entry?.mode;
    } catch (error) {
      // What cannot be listed by itself can be read all the same.
      const isUnlisted = error instanceof RefusedReply && error.code >= 450;
      if (isUnlisted || error instanceof MalformedReply) return undefined;
      throw error;
    }
  }

  /** Of a file, from a byte on, to its end. `expectedBytes`: how much of it will be read. */
  async retrieve(
    path: string,
    start: number,
    endsAtMs: number,
    expectedBytes: number,
  ): Promise<RunningTransfer> {
    return await this.#transfer(`RETR ${path}`, endsAtMs, expectedBytes, start);
  }

  /** The last reply of a transfer whose data has ended. The session then can go on. */
  async endOf({ ended, endBy }: RunningTransfer, limitMs = END_REPLY_MS): Promise<Reply> {
    endBy(performance.now() + Math.min(limitMs, this.server.timeoutMs));
    return this.#control.granted(await ended);
  }

  /** Ends a transfer early. The session is closed where the server does not say that it has ended it. */
  async abandon(transfer: RunningTransfer): Promise<void> {
    transfer.data.close();
    transfer.endBy(performance.now() + Math.min(ABANDON_REPLY_MS, this.server.timeoutMs));
    // 426, or whatever else: the reply counts, not what it says.
    await transfer.ended.catch(() => undefined);
  }

  async #statByFacts(path: string, endsAtMs: number): Promise<FtpStat | undefined> {
    try {
      const { text } = await this.#control.command(`MLST ${path}`, endsAtMs, 250);
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

  async #statBySize(path: string, endsAtMs: number, known?: number): Promise<FtpStat> {
    const size = known ?? (await this.#known('SIZE', path, endsAtMs, parseSize));
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
    const { kind, size, mode } = entry;
    return { isDirectory: kind === 'directory', size: kind === 'file' ? size : undefined, mode };
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
      const { text } = await this.#control.command(`${command} ${path}`, endsAtMs, 213);
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
      transfer = await this.#transfer(command, endsAtMs, 0);
    } catch (error) {
      if (!(error instanceof RefusedReply)) throw error;
      if (/no (such )?files?\b|empty/i.test(error.text) && error.code !== 421)
        return { entries: [], isExact: false };
      if (error.code < 500 || command === 'LIST') throw error;
      if (error.isUnknown) this.traits.noteUnknown(command);
      return undefined;
    }
    return await this.#read(transfer, command === 'MLSD');
  }

  async #read(transfer: RunningTransfer, isExact: boolean): Promise<FtpListing> {
    try {
      const limit = new LowSpeedLimit(this.server.timeoutMs);
      const listing = await readListing(transfer.data, isExact, limit);
      // Without it a listing may be a part.
      await this.endOf(transfer, this.server.timeoutMs);
      return listing;
    } catch (error) {
      await this.abandon(transfer);
      throw error;
    }
  }

  /** The command is sent while the data connection is being made: the server waits for it. */
  async #transfer(
    command: string,
    endsAtMs: number,
    expectedBytes: number,
    start = 0,
  ): Promise<RunningTransfer> {
    const { server } = this;
    const { secure } = this.#loggedIn;
    const receiving = secure === undefined ? server.engine.tcpReceiver(expectedBytes) : undefined;
    const receive = receiving instanceof Promise ? await receiving : receiving;
    const port = await passivePort(server, this.#loggedIn, endsAtMs);
    if (start > 0 || this.#hasRestart) await this.#control.command(`REST ${start}`, endsAtMs, 350);
    this.#hasRestart = start > 0;
    let hasBegun = false;
    const opened = openData(this.#loggedIn, port, receive, (error) => {
      if (!hasBegun) this.#control.fail(error);
    });
    this.#data = opened;
    try {
      const { begun, ended, endBy } = this.#control.transfer(command, endsAtMs);
      const { text } = this.#control.granted(await begun);
      hasBegun = true;
      this.#hasRestart = false;
      const data = opened.begin();
      this.#data = data;
      return { data, ended, endBy, fileBytes: parseSize(/\((\d+) bytes\)/.exec(text)?.[1]) };
    } catch (error) {
      hasBegun = true;
      opened.close();
      throw error;
    }
  }
}

/** `257 "/home/ada" is current directory`; a quote in it is doubled (RFC 959, appendix II). */
function homeOf({ text }: Reply): string {
  const quoted = /^257[ -]"((?:[^"\n]|"")*)"/.exec(text)?.[1];
  if (quoted === undefined) throw new MalformedReply('a directory in the reply to PWD');
  return quoted.replaceAll('""', '"');
}
