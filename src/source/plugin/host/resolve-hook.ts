/** A resolve hook (node:module, `register`): `d7y-mount/plugin` is this very package. */
const EXPORTS: Readonly<Record<string, URL>> = {
  'd7y-mount/plugin': new URL('../../plugin-api.js', import.meta.url),
};

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}

export function resolve(
  specifier: string,
  context: object,
  next: (specifier: string, context: object) => Promise<Resolved>,
): Promise<Resolved> | Resolved {
  const own = EXPORTS[specifier];
  return own === undefined ? next(specifier, context) : { url: own.href, shortCircuit: true };
}
