/** Where the value of a secret setting comes from: the configuration itself, a file, or a command. */
import { readFile } from 'node:fs/promises';

import { codeOf } from '../../error-code.js';
import { SourceError } from '../errors.js';
import { CommandError, outputOf } from './run-command.js';
import { Secret } from './secret.js';

export interface SecretSource {
  /** Reads it on first use. Rejects with a `SourceError` if it cannot be read. */
  get(): Promise<Secret>;
  /** What `get` resolves to, if it has been read. */
  readonly known: Secret | undefined;
  /**
   * To be called when the origin refused a value: reads file or command anew, unless that was done since the value was
   * handed out. The result may be the same text.
   */
  renew(refused: Secret): Promise<Secret>;
  /** For the key of the cache: the text of a literal, the path of a file, the words of a command. */
  readonly identity: Secret;
}

export function literalSecret(text: string): SecretSource {
  const secret = new Secret(text);
  const get = (): Promise<Secret> => Promise.resolve(secret);
  return { get, known: secret, renew: get, identity: secret };
}

/** The content of a file, without the white space around it. One that `may be missing` is empty then. */
export function fileSecret(path: string, whenMissing?: 'may be missing'): SecretSource {
  return rereadable(`file:${path}`, async () => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (whenMissing !== undefined && codeOf(error) === 'ENOENT') return '';
      throw unreadable(`file:${path}`, codeOf(error), error);
    }
  });
}

/** What a command prints. It runs without a shell, and its stderr is discarded: it may hold secrets. */
export function commandSecret(words: readonly string[]): SecretSource {
  const [program = ''] = words;
  return rereadable(`command:${JSON.stringify(words)}`, async () => {
    try {
      return await outputOf(words);
    } catch (error) {
      throw unreadable(`command:${program}`, error instanceof CommandError ? error.message : String(error));
    }
  });
}

function rereadable(identity: string, read: () => Promise<string>): SecretSource {
  return new RereadableSecret(new Secret(identity), read);
}

class RereadableSecret implements SecretSource {
  readonly identity: Secret;
  known: Secret | undefined;
  readonly #read: () => Promise<string>;
  #current: Promise<Secret> | undefined;

  constructor(identity: Secret, read: () => Promise<string>) {
    this.identity = identity;
    this.#read = read;
  }

  get(): Promise<Secret> {
    return this.#current ?? this.#readAnew();
  }

  async renew(refused: Secret): Promise<Secret> {
    const current = this.#current;
    const isLatest = current === undefined || (await current.catch(() => refused)) === refused;
    return isLatest && this.#current === current ? await this.#readAnew() : await this.get();
  }

  #readAnew(): Promise<Secret> {
    this.known = undefined;
    const reading = this.#read().then((text) => new Secret(text.trim()));
    this.#current = reading;
    reading.then(
      (secret) => {
        if (this.#current === reading) this.known = secret;
      },
      () => {
        // The next use tries again.
        if (this.#current === reading) this.#current = undefined;
      },
    );
    return reading;
  }
}

function unreadable(place: string, why: string, cause?: unknown): SourceError {
  return new SourceError('ACCESS_DENIED', 'the configured secret cannot be read', place, {
    expected: 'a file or command that can be read',
    found: why,
    cause,
  });
}
