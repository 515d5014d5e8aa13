/**
 * The system's look-up of names (getaddrinfo, by way of getent) outside of this process. A thread that hangs in
 * getaddrinfo cannot be stopped, and libuv's pool has four for all; a process can.
 *
 * One shell, which starts a process for each name: it is small, so that this costs a tenth of what starting one from
 * here does. It ends when its input does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';

const SCRIPT = `
set -f
command -v getent >/dev/null && command -v timeout >/dev/null && command -v sed >/dev/null || exit 1
case $(getent ahosts 127.0.0.1 2>/dev/null </dev/null) in *STREAM*) ;; *) exit 1 ;; esac
while read -r id limit name; do
  {
    addresses=$(timeout "$limit" getent ahosts -- "$name" 2>/dev/null | sed -n '/STREAM/s/ .*//p;64q')
    printf '%s\\n' "$(echo $id $addresses)"
  } </dev/null &
done
`;

/** What getaddrinfo looks at. */
const PASSED_ON = ['PATH', 'RES_OPTIONS', 'LOCALDOMAIN', 'HOSTALIASES'];
/** Want of descriptors, processes or memory. */
const TRANSIENT = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);
const MAX_RUNNING = 64;
const MAX_WAITING = 1_000;
const LIMIT_S = 5;
/** When this many are in progress, most of them hang. */
const MANY = 16;
const SHORT_LIMIT_S = 1;

interface Lookup {
  readonly name: string;
  readonly resolve: (addresses: LookupAddress[]) => void;
  readonly reject: (error: Error) => void;
}

export class LookupProcess {
  readonly #startShell: typeof spawn;
  #shell: ChildProcess | undefined;
  #isUsable = true;
  #hasAnswered = false;
  readonly #waiting: Lookup[] = [];
  readonly #running = new Map<string, Lookup>();
  #lastId = 0;

  constructor(startShell: typeof spawn = spawn) {
    this.#startShell = startShell;
  }

  /** False: this system lacks what is needed. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Rejects with EAI_AGAIN where there is no answer: getent does not say why. */
  lookup(name: string): Promise<LookupAddress[]> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_WAITING) {
        reject(noAnswer(name));
        return;
      }
      this.#waiting.push({ name, resolve, reject });
      this.#start();
    });
  }

  close(): void {
    this.#hasAnswered = false;
    this.#shell?.stdin?.end();
    this.#onExit();
  }

  #start(): void {
    while (this.#isUsable && this.#running.size < MAX_RUNNING) {
      const lookup = this.#waiting.shift();
      if (lookup === undefined) return;
      this.#shell ??= this.#spawn();
      const id = String((this.#lastId += 1));
      const limitS = this.#running.size < MANY ? LIMIT_S : SHORT_LIMIT_S;
      this.#running.set(id, lookup);
      this.#shell.stdin?.write(`${id} ${limitS} ${lookup.name}\n`);
    }
  }

  #spawn(): ChildProcess {
    const env = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
    const shell = this.#startShell('/bin/sh', ['-c', SCRIPT], {
      stdio: ['pipe', 'pipe', 'ignore'],
      cwd: '/',
      env,
      detached: true,
    });
    shell.once('error', ({ code }: NodeJS.ErrnoException) => this.#onExit(TRANSIENT.has(code ?? '')));
    shell.once('exit', () => this.#onExit());
    const { stdin, stdout } = shell as Partial<typeof shell>;
    // There are none where no process could be made for want of descriptors.
    if (stdin === undefined || stdout === undefined) return shell;
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', (line) => this.#onAnswer(line));
    // It does not keep this process alive.
    shell.unref();
    for (const stream of [stdin, stdout]) (stream as { unref?(): void }).unref?.();
    return shell;
  }

  #onAnswer(line: string): void {
    this.#hasAnswered = true;
    const [id = '', ...found] = line.split(' ');
    const lookup = this.#running.get(id);
    this.#running.delete(id);
    const addresses = found
      .map((address) => ({ address, family: isIP(address) }))
      .filter(({ family }) => family !== 0);
    if (addresses.length > 0) lookup?.resolve(addresses);
    else lookup?.reject(noAnswer(lookup.name));
    this.#start();
  }

  #onExit(isTransient = false): void {
    this.#shell = undefined;
    // What never worked does not come to work.
    this.#isUsable = this.#hasAnswered || isTransient;
    for (const lookup of [...this.#running.values(), ...this.#waiting.splice(0)]) {
      lookup.reject(noAnswer(lookup.name));
    }
    this.#running.clear();
  }
}

function noAnswer(name: string): Error {
  return Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), { code: 'EAI_AGAIN', hostname: name });
}
