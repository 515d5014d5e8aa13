import type { KeyPath } from './yaml-file.js';

/** `${NAME}`; `$${` stands for `${`. */
const VARIABLE = /\$\$\{|\$\{([^}]*)\}/g;

/** The same value, with the variables of the environment in the place of `${NAME}`. */
export function withVariables(
  given: unknown,
  environment: Readonly<NodeJS.ProcessEnv>,
  onMissing: (at: KeyPath, message: string) => void,
): { readonly value: unknown; readonly replaced: ReadonlySet<string> } {
  const replaced = new Set<string>();
  const walk = (value: unknown, at: KeyPath): unknown => {
    if (Array.isArray(value)) return value.map((one, i) => walk(one, [...at, i]));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one, [...at, key])]));
    }
    if (typeof value !== 'string' || !value.includes('${')) return value;
    return value.replaceAll(VARIABLE, (whole, name?: string) => {
      if (name === undefined) return '${';
      replaced.add(JSON.stringify(at));
      const found = environment[name];
      if (found !== undefined) return found;
      onMissing(at, `expected the variable ${name} in the environment, found none`);
      return whole;
    });
  };
  return { value: walk(given, []), replaced };
}
