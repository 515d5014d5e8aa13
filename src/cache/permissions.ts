/** Write bits are never shown, and the owner's read bit always (docs/SEMANTICS.md, S28). What is left takes seven bits. */
const KEPT_BITS = 0o155;

/** What is kept of the mode that a source gives. Undefined: it gives none, or something else. */
export function permissionsOf(mode: number | undefined): number | undefined {
  return mode !== undefined && Number.isSafeInteger(mode) && mode >= 0 ? mode & KEPT_BITS : undefined;
}
