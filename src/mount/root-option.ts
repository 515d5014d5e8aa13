/** `--root`, as it is configured: `URL`, or `NAME=URL`. */
export interface RootOption {
  /** Undefined: the root of the mount is that URL. */
  readonly name: string | undefined;
  readonly url: string;
}

/** As the kernel has it. */
const NAME_MAX_BYTES = 255;

/** Undefined for what is neither. */
export function rootOption(text: string): RootOption | undefined {
  const [, name, url] = /^(?:([^/:=]+)=)?([a-z][a-z0-9+.-]*:\/\/[^/].*)$/i.exec(text) ?? [];
  if (url === undefined) return undefined;
  const isName = name === undefined || (!/^\.{1,2}$/.test(name) && Buffer.byteLength(name) <= NAME_MAX_BYTES);
  return isName ? { name, url } : undefined;
}

/** Of texts that were checked. */
export function rootOptions(texts: readonly string[]): RootOption[] {
  return texts.map(rootOption).filter((option) => option !== undefined);
}
