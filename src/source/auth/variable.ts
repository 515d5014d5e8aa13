import process from 'node:process';

/** Of the environment. An empty one is as good as none. */
export function variable(name: string): string | undefined {
  const value = process.env[name]?.trim();
  return value === '' ? undefined : value;
}
