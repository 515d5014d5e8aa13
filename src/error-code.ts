/** The `code` of an error of Node or of a failed system call; `unknown` for one that has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
