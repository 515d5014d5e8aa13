import { percentEncodedSegment } from '../byte-text.js';

/** Shorter values are words that messages need. */
const MIN_CHARS = 8;
const MIN_SECRET_CHARS = 4;
const SECRET_NAME = /sig|token|secret|pass|credential|auth|key|pin/i;

/** Hides the values of a plugin's options in its messages: they may be secret. */
export class OptionMask {
  readonly #secrets: readonly string[];

  constructor(option: Readonly<Record<string, string>>) {
    this.#secrets = secretsOf(option);
  }

  hide(text: string): string {
    let masked = text;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, '…');
    return masked;
  }

  /** Of a text whose beginning was cut off, perhaps within a secret. */
  hideInTail(text: string): string {
    // The longest end of any of them: a shorter one would leave the rest of a longer one.
    let longest = 0;
    for (const secret of this.#secrets) {
      for (let length = secret.length; length > longest; length -= 1) {
        if (text.startsWith(secret.slice(-length))) longest = length;
      }
    }
    return longest === 0 ? this.hide(text) : this.hide(`…${text.slice(longest)}`);
  }
}

/** The longest first: one may be a part of another. A key of several lines may be said line by line. */
function secretsOf(option: Readonly<Record<string, string>>): readonly string[] {
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(option)) {
    const isSecret = SECRET_NAME.test(name);
    // Where a file lies is what an error has to say.
    if (value.length < (isSecret ? MIN_SECRET_CHARS : MIN_CHARS) || (!isSecret && value.startsWith('/')))
      continue;
    const lines = value.split('\n').map((line) => line.trim());
    for (const secret of [value, ...lines.filter((line) => line.length >= MIN_CHARS)]) {
      secrets.add(secret).add(percentEncodedSegment(secret));
    }
  }
  return [...secrets].toSorted((a, b) => b.length - a.length);
}
