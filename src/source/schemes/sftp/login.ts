/** How a user logs in: by what, and in which order. */
import { readFile } from 'node:fs/promises';

import ssh2, { type AnyAuthMethod, type AuthHandlerMiddleware, type ParsedKey } from 'ssh2';

import type { Secret } from '../../auth/secret.js';
import type { SecretSource } from '../../auth/secret-source.js';
import { SourceError } from '../../errors.js';
import type { PrivateKey, SftpSettings } from '../../settings.js';
import type { HostConfig } from './ssh-config.js';

interface Step {
  /** As words for errors. */
  readonly shown: string;
  /** As the server names it. */
  readonly method: 'publickey' | 'password' | 'keyboard-interactive';
  readonly auth: AnyAuthMethod;
}

export class Login {
  /** What was offered to the server, as words for errors. */
  readonly tried: string[] = [];
  readonly #user: string;
  readonly #steps: readonly Step[];
  readonly #secrets: readonly (readonly [SecretSource, Secret])[];

  constructor(user: string, steps: readonly Step[], secrets: readonly (readonly [SecretSource, Secret])[]) {
    this.#user = user;
    this.#steps = steps;
    this.#secrets = secrets;
  }

  get user(): string {
    return this.#user;
  }

  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  /** `onEnd`: the server accepts none of them. */
  handler(onEnd: () => void): AuthHandlerMiddleware {
    const left = [...this.#steps];
    return (allowed: readonly string[] | null, _, next) => {
      // The answer to no authentication says which there are.
      if (allowed === null) {
        next({ type: 'none', username: this.#user });
        return;
      }
      for (let step = left.shift(); step !== undefined; step = left.shift()) {
        if (!allowed.includes(step.method)) continue;
        this.tried.push(step.shown);
        next(step.auth);
        return;
      }
      onEnd();
    };
  }

  /** Reads anew what was refused; whether any of it is another now. */
  async renew(): Promise<boolean> {
    const renewed = this.#secrets.map(async ([source, secret]) => {
      const next = await source.renew(secret);
      return next.reveal() !== secret.reveal();
    });
    return (await Promise.all(renewed)).includes(true);
  }
}

export async function loginOf({ credentials }: SftpSettings, config: HostConfig): Promise<Login> {
  const { user: username } = config;
  switch (credentials?.kind) {
    case 'anonymous':
      return new Login(username, [], []);
    case 'password': {
      const password = await credentials.password.get();
      return new Login(username, passwordSteps(username, password), [[credentials.password, password]]);
    }
    case 'private key':
      return await keyLogin(username, credentials);
    case 'agent': {
      const socket = credentials.agent === true ? config.agent : credentials.agent;
      if (socket === undefined)
        throw unusable('the agent cannot be used', 'its socket in SSH_AUTH_SOCK or IdentityAgent', 'none');
      return new Login(username, [agentStep(username, new ssh2.OpenSSHAgent(socket))], []);
    }
    case 'user':
    case undefined:
      return new Login(username, await defaultSteps(config), []);
  }
}

function passwordSteps(username: string, password: Secret): Step[] {
  let isAnswered = false;
  return [
    {
      shown: 'password',
      method: 'password',
      auth: { type: 'password', username, password: password.reveal() },
    },
    {
      shown: 'keyboard-interactive',
      method: 'keyboard-interactive',
      auth: {
        type: 'keyboard-interactive',
        username,
        // The one question that is not shown while it is answered; a second one is for something else.
        prompt: (_, __, ___, prompts, finish) => {
          const isForPassword = prompts.length === 1 && prompts[0]?.echo !== true && !isAnswered;
          isAnswered ||= isForPassword;
          finish(prompts.map(() => (isForPassword ? password.reveal() : '')));
        },
      },
    },
  ];
}

async function keyLogin(username: string, { key, passphrase }: PrivateKey): Promise<Login> {
  const secrets: [SecretSource, Secret][] = [[key, await key.get()]];
  if (passphrase !== undefined) secrets.push([passphrase, await passphrase.get()]);
  const [text = '', phrase] = secrets.map(([, secret]) => secret.reveal());
  const parsed = parseKey(text, phrase);
  if (parsed instanceof Error)
    throw unusable('the private key cannot be used', 'a private key, with its passphrase', parsed.message);
  return new Login(username, [keyStep(username, 'private key', parsed)], secrets);
}

/** As OpenSSH: the keys of the agent, then those of files that need no passphrase. */
async function defaultSteps(config: HostConfig): Promise<Step[]> {
  const { user, agent, identityFiles, identitiesOnly } = config;
  const steps: Step[] = [];
  if (agent !== undefined) {
    const chosen = identitiesOnly ? await publicKeys(identityFiles) : undefined;
    steps.push(agentStep(user, new ChosenKeys(agent, chosen)));
  }
  for (const file of identityFiles) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    const parsed = text === undefined ? undefined : parseKey(text, undefined);
    if (parsed !== undefined && !(parsed instanceof Error)) steps.push(keyStep(user, file, parsed));
  }
  return steps;
}

function keyStep(username: string, shown: string, key: ParsedKey): Step {
  return { shown, method: 'publickey', auth: { type: 'publickey', username, key } };
}

function agentStep(username: string, agent: InstanceType<typeof ssh2.OpenSSHAgent>): Step {
  return { shown: 'the agent', method: 'publickey', auth: { type: 'agent', username, agent } };
}

function parseKey(text: string, passphrase: string | undefined): ParsedKey | Error {
  // The library's messages have no part of the key.
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(text, passphrase);
  const [key] = [parsed].flat();
  if (key === undefined || key instanceof Error) return key ?? new Error('no key');
  return key.isPrivateKey() ? key : new Error('a public key');
}

/** Beside the files of private keys. */
async function publicKeys(files: readonly string[]): Promise<Buffer[]> {
  const texts = await Promise.all(files.map((file) => readFile(`${file}.pub`, 'latin1').catch(() => '')));
  return texts.map((text) => Buffer.from(text.split(/\s+/)[1] ?? '', 'base64'));
}

/** An agent that is asked for some of its keys alone (`IdentitiesOnly`). */
class ChosenKeys extends ssh2.OpenSSHAgent {
  readonly #keys: readonly Buffer[] | undefined;

  /** Undefined: all of them. */
  constructor(socket: string, keys: readonly Buffer[] | undefined) {
    super(socket);
    this.#keys = keys;
  }

  override getIdentities(
    callback: Parameters<InstanceType<typeof ssh2.OpenSSHAgent>['getIdentities']>[0],
  ): void {
    super.getIdentities((error, keys) => {
      // It has parsed them, whatever its type says.
      const found = keys as ParsedKey[] | undefined;
      const isChosen = (key: ParsedKey): boolean =>
        this.#keys === undefined || this.#keys.some((chosen) => chosen.equals(key.getPublicSSH()));
      callback(error, found?.filter(isChosen));
    });
  }
}

function unusable(message: string, expected: string, found: string): SourceError {
  return new SourceError('NOT_CONFIGURED', message, 'sftp:', { expected, found });
}
