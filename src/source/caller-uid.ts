/**
 * The user that work is done for, where several share the mount. The uid travels with the signal by which that user gives
 * up, which already goes wherever the work goes.
 */
const uids = new WeakMap<AbortSignal, number>();

/** Returns the signal. */
export function withUid(signal: AbortSignal, uid: number | undefined): AbortSignal {
  if (uid !== undefined) uids.set(signal, uid);
  return signal;
}

/** Undefined: no user in particular. */
export function uidOf(signal: AbortSignal | undefined): number | undefined {
  return signal === undefined ? undefined : uids.get(signal);
}
